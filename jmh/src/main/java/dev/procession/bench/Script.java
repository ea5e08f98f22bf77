package dev.procession.bench;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/// A peer in another language: one process that does all of a work, by processes that it starts, and obeys the same
/// commands as [Child]. Its source is a resource beside this class.
final class Script implements Contender {
    /// Python's queues move some 10,000 messages a second without falling behind at any moment.
    private static final int MOST_RATE = 20_000;

    private final String name;
    private final Language language;
    private final String queue;

    private enum Language { PYTHON, C }

    private Script(String name, Language language, String queue) {
        this.name = name;
        this.language = language;
        this.queue = queue;
    }

    /// Those whose language is installed.
    static List<Script> installed() {
        var scripts = new ArrayList<Script>();
        if (hasPython()) {
            scripts.add(new Script("python-queue", Language.PYTHON, "queue"));
            scripts.add(new Script("python-simple-queue", Language.PYTHON, "simple-queue"));
        }
        if (program("cc").isPresent()) {
            scripts.add(new Script("futex", Language.C, ""));
        }
        return List.copyOf(scripts);
    }

    /// Whether there is a Python that can share queues between processes.
    static boolean hasPython() {
        try {
            return new ProcessBuilder("python3", "-c", "import multiprocessing.synchronize").start().waitFor() == 0;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /// What the interpreter calls itself, like "Python 3.13.1"; empty if there is none.
    static Optional<String> pythonVersion() throws IOException {
        Optional<Path> python = program("python3");
        if (python.isEmpty()) return Optional.empty();
        return Optional.of(output(List.of(python.get().toString(), "--version")));
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean serves(Work work) {
        return switch (language) {
            case PYTHON -> switch (work.kind()) {
                case THROUGHPUT -> work.content() != Work.Content.PACKED_LONGS;
                case ROUND_TRIP, WAKE_UP -> true;
                case LATENCY -> work.rate() <= MOST_RATE;
                default -> false;
            };
            case C -> work.kind() == Work.Kind.WAKE_UP;
        };
    }

    @Override
    public Subject subject(Work work, Place place) throws IOException {
        var command = new ArrayList<String>();
        switch (language) {
            case PYTHON -> {
                Path source = place.directory().resolveSibling(place.directory().getFileName() + ".py");
                copyResource("peer.py", source);
                command.addAll(List.of(program("python3").orElseThrow().toString(), source.toString(), queue));
            }
            case C -> command.add(compiled().toString());
        }
        command.addAll(List.of(place.directory().toString(), work.kind().name(), Integer.toString(work.producers()),
                Integer.toString(work.consumers()), Integer.toString(work.bytes()), work.content().name(),
                Integer.toString(place.firstCpu()), Integer.toString(place.secondCpu()),
                Integer.toString(work.rate())));
        var seat = new Work.Seat(Work.Role.SCRIPT, 0, place.firstCpu());
        return new Group(name, work, place.directory(), false, List.of(new Group.Hosted(command, List.of(seat))));
    }

    /// The program of `futex.c`. Not among the files of the queues: what is in shared memory often cannot be executed.
    private static Path compiled() throws IOException {
        Path source = Files.createTempFile("procession-futex-", ".c");
        Path program = Path.of(source.toString().replaceFirst("\\.c$", ""));
        program.toFile().deleteOnExit();
        try {
            copyResource("futex.c", source);
            output(List.of(program("cc").orElseThrow().toString(), "-O2", "-o", program.toString(), source.toString()));
        } finally {
            Files.delete(source);
        }
        return program;
    }

    private static void copyResource(String name, Path file) throws IOException {
        try (InputStream resource = Objects.requireNonNull(Script.class.getResourceAsStream(name), name)) {
            Files.write(file, resource.readAllBytes());
        }
    }

    private static Optional<Path> program(String name) {
        return Stream.of(Objects.requireNonNullElse(System.getenv("PATH"), "").split(File.pathSeparator))
                .map(folder -> Path.of(folder, name)).filter(Files::isExecutable).findFirst();
    }

    private static String output(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.outputWriter().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (process.onExit().join().exitValue() != 0) {
            throw new IOException(String.join(" ", command) + " failed:\n" + output);
        }
        return output;
    }
}
