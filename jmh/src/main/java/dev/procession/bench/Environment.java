package dev.procession.bench;

import io.aeron.Aeron;
import io.aeron.driver.MediaDriver;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import net.openhft.chronicle.queue.ChronicleQueue;
import org.agrona.concurrent.ringbuffer.RingBuffer;

/// What a figure needs beside it to be worth anything: machine, kernel, JDK, commit, command.
final class Environment {
    private Environment() {}

    static Map<String, Object> of(List<String> arguments, Bench.Settings settings, int[] availableCpus,
            Path home)
            throws IOException {
        var facts = new LinkedHashMap<String, Object>();
        facts.put("date", OffsetDateTime.now().truncatedTo(ChronoUnit.SECONDS).toString());
        facts.put("command", ("procession bench " + String.join(" ", arguments)).strip());
        facts.put("commit", commit());
        facts.put("machine", value(Path.of("/proc/cpuinfo"), "model name").orElse("unknown CPU")
                + ", " + System.getProperty("os.arch"));
        facts.put("memory", value(Path.of("/proc/meminfo"), "MemTotal").orElse("unknown"));
        facts.put("kernel", System.getProperty("os.name") + " " + System.getProperty("os.version"));
        facts.put("jdk", System.getProperty("java.vm.name") + " " + System.getProperty("java.runtime.version")
                + ", " + System.getProperty("java.vendor"));
        var cores = new LinkedHashMap<String, Object>();
        cores.put("available", Arrays.stream(availableCpus).boxed().toList());
        cores.put("producers", settings.firstCpu());
        cores.put("consumer", settings.secondCpu());
        facts.put("cores", cores);
        facts.put("files", home.getParent().toString());
        facts.put("peers", Stream.of(RingBuffer.class, Aeron.class, MediaDriver.class, ChronicleQueue.class)
                .map(type -> source(type).getFileName().toString()).toList());
        Script.pythonVersion().ifPresent(version -> facts.put("python", version));
        return facts;
    }

    private static Optional<String> value(Path file, String key) {
        try {
            return Files.readAllLines(file).stream().filter(line -> line.startsWith(key)).findFirst()
                    .map(line -> line.substring(line.indexOf(':') + 1).strip());
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /// Of the work tree that these classes were built in; "+" behind it says that there are changes on top.
    private static String commit() {
        try {
            Path build = source(Environment.class).getParent();
            return git(build, "rev-parse", "--short=12", "HEAD")
                    + (git(build, "status", "--porcelain").isEmpty() ? "" : "+");
        } catch (IOException e) {
            return "unknown";
        }
    }

    /// The jar or folder that a class came from.
    private static Path source(Class<?> type) {
        return Path.of(URI.create(type.getProtectionDomain().getCodeSource().getLocation().toString()));
    }

    private static String git(Path directory, String... arguments) throws IOException {
        var command = new ArrayList<>(List.of("git"));
        command.addAll(List.of(arguments));
        Process git = new ProcessBuilder(command).directory(directory.toFile())
                .redirectError(ProcessBuilder.Redirect.DISCARD).start();
        git.outputWriter().close();
        String output = new String(git.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (git.onExit().join().exitValue() != 0) {
            throw new IOException("git " + String.join(" ", arguments) + " failed");
        }
        return output;
    }
}
