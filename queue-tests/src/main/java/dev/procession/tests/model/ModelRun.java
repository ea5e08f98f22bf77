package dev.procession.tests.model;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// One search of a model's states: which model, with which options, and what is expected of it.
///
/// @param model name of the model, that of its file without `.pml`
/// @param expected [#PASS], or what a mutant must break: the name of a check, [#DEADLOCK] or [#CYCLE]; alternatives are
///     separated by `|`
/// @param states how many states a complete search finds, of a mutant: about how many until it fails; 0 if not known,
///     and then few
/// @param options names that are defined for the model, with or without a value: `KILLP=1`
/// @param deep whether it is one of the long ones
record ModelRun(String model, String expected, long states, List<String> options, boolean deep) {
    /// The search was complete and found no error.
    static final String PASS = "pass";
    /// No process could go on, although one had not come to its end.
    static final String DEADLOCK = "DEADLOCK";
    /// Some could go on for ever, and never got what was promised.
    static final String CYCLE = "CYCLE";

    /// A name of an option that breaks a rule on purpose begins with this.
    private static final String MUTATION = "M_";

    /// An option that turns the check of safety into one of liveness, under weak fairness.
    private static final String LIVENESS = "FINISH";

    private static final int DEPTH = 2_000_000;
    /// A search of fewer states is over before a compiler has optimized it.
    private static final long SMALL = 500_000;
    private static final Pattern STATES = Pattern.compile("(?m)^ *([0-9.e+]+) states, stored");
    private static final Pattern CHECK = Pattern.compile("assertion violated \\(([A-Z]+)\\|\\|");

    /// What a search found.
    ///
    /// @param states how many states
    /// @param nanos how long the search took, without the compilation
    /// @param verdict what was found
    /// @param wrong whether it was not what was expected, or the search was not complete
    record Result(long states, long nanos, String verdict, boolean wrong) {}

    /// Reads a list of runs: a run is a line of the model, what is expected, the number of states (or `-`) and options.
    /// Empty lines and what follows a `#` are comments; the runs behind a line `deep` are the long ones.
    ///
    /// @param list a name for it, in error messages
    static List<ModelRun> read(BufferedReader lines, String list) throws IOException {
        List<ModelRun> runs = new ArrayList<>();
        boolean deep = false;
        int number = 0;
        for (String line; (line = lines.readLine()) != null;) {
            number++;
            int comment = line.indexOf('#');
            String text = (comment < 0 ? line : line.substring(0, comment)).strip();
            if (text.isEmpty()) continue;
            if (text.equals("deep")) {
                deep = true;
                continue;
            }
            String[] words = text.split("\\s+");
            if (words.length < 3 || !words[2].matches("-|[0-9]+")) {
                throw new IllegalArgumentException(list + ", line " + number + ": \"" + text
                        + "\" must be: model, what is expected, number of states or -, options");
            }
            var run = new ModelRun(
                    words[0],
                    words[1],
                    words[2].equals("-") ? 0 : Long.parseLong(words[2]),
                    Arrays.asList(words).subList(3, words.length),
                    deep);
            if (run.isMutant() == run.expected.equals(PASS)) {
                throw new IllegalArgumentException(list + ", line " + number + ": " + run
                        + (run.isMutant() ? " is a mutant: it must fail" : " is no mutant: it must pass"));
            }
            runs.add(run);
        }
        return runs;
    }

    /// Returns the name of the model's file.
    String file() {
        return model + ".pml";
    }

    /// Whether the model has one of its rules broken.
    boolean isMutant() {
        return options.stream().anyMatch(option -> option.startsWith(MUTATION));
    }

    /// Searches. Blocks until that is over; an interrupt ends the search.
    ///
    /// @param directory empty, for what is compiled and, if an error is found, the trail to it
    /// @param files the model and what it includes, by name
    /// @param compiler a C compiler
    /// @param memoryMib what the search may use, in MiB
    /// @param timeoutSeconds what it may take
    Result search(Path directory, Map<String, byte[]> files, String compiler, long memoryMib, long timeoutSeconds)
            throws InterruptedException {
        try {
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                Files.write(directory.resolve(file.getKey()), file.getValue());
            }
            List<String> spin = new ArrayList<>(List.of("spin", "-a"));
            for (String option : options) spin.add("-D" + option);
            spin.add(file());
            boolean liveness = options.contains(LIVENESS);

            String said = execute(directory, timeoutSeconds, spin);
            if (!Files.exists(directory.resolve("pan.c")) || said.contains("Error:")) {
                return new Result(0, 0, "spin: " + firstLine(said), true);
            }
            List<String> cc = new ArrayList<>(List.of(
                    compiler, deep || states >= SMALL ? "-O2" : "-O0", "-w", "-DCOLLAPSE", "-DMEMLIM=" + memoryMib,
                    "-o", "pan", "pan.c"));
            cc.add(liveness ? "-DNFAIR=3" : "-DSAFETY"); // 3: up to 22 processes
            said = execute(directory, timeoutSeconds, cc);
            if (!Files.exists(directory.resolve("pan"))) {
                return new Result(0, 0, compiler + ": " + firstLine(said), true);
            }
            List<String> pan = new ArrayList<>(List.of("./pan", "-n", "-m" + DEPTH));
            if (liveness) pan.addAll(List.of("-a", "-f"));
            long start = System.nanoTime();
            said = execute(directory, timeoutSeconds, pan);
            long nanos = System.nanoTime() - start;

            Matcher stored = STATES.matcher(said);
            long found = stored.find() ? (long) Double.parseDouble(stored.group(1)) : 0;
            return judge(found, nanos, verdict(said, timeoutSeconds, memoryMib));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String verdict(String said, long timeoutSeconds, long memoryMib) {
        Matcher check = CHECK.matcher(said);
        if (check.find()) return check.group(1);
        if (said.contains("assertion violated")) return "an assertion without a name";
        if (said.contains("pan:1: invalid end state")) return DEADLOCK;
        if (said.contains("pan:1: acceptance cycle")) return CYCLE;
        if (said.contains("max search depth too small")) return "not complete: deeper than " + DEPTH + " steps";
        if (said.contains("MEMLIM bound") || said.contains("out of memory")) {
            return "not complete: needs more than " + memoryMib + " MiB";
        }
        if (!said.contains("States")) { // a heading in what pan says at the end
            if (said.endsWith(OVERDUE)) return "not complete: not over after " + timeoutSeconds + " s";
        }
        if (!said.contains("errors: 0") || said.contains("Search not completed")) return "pan: " + firstLine(said);
        return PASS;
    }

    private Result judge(long found, long nanos, String verdict) {
        if (!Arrays.asList(expected.split("\\|")).contains(verdict)) {
            return new Result(found, nanos, verdict + ", expected " + expected, true);
        }
        // a model that has lost its processes or their choices passes too
        if (verdict.equals(PASS) && states > 0 && (found < states / 2 || found > states * 2)) {
            return new Result(found, nanos, verdict + ", but the list says " + states + " states", true);
        }
        return new Result(found, nanos, verdict, false);
    }

    private static final String OVERDUE = "(overdue)";

    private static String execute(Path directory, long timeoutSeconds, List<String> command)
            throws IOException, InterruptedException {
        Path output = directory.resolve("output");
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment().put("LC_ALL", "C");
        Process process = builder.start();
        boolean over = false;
        try {
            process.getOutputStream().close();
            over = process.waitFor(timeoutSeconds, TimeUnit.SECONDS);
        } finally {
            if (!over) process.destroyForcibly().waitFor();
        }
        return Files.readString(output) + (over ? "" : OVERDUE);
    }

    private static String firstLine(String said) {
        return said.lines().filter(line -> !line.isBlank()).findFirst().orElse("says nothing");
    }

    /// Returns the model and its options, as in the list.
    @Override
    public String toString() {
        return (model + " " + String.join(" ", options)).strip();
    }
}
