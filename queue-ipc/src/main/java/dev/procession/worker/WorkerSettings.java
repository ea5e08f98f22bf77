package dev.procession.worker;

import dev.procession.core.Cpus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// What a builder says of a worker.
///
/// @param name its name
/// @param cpu the core that it is pinned to, -1 for none
/// @param daemon whether it ends with this process
/// @param hasGrace whether it is a daemon that has the grace time if a signal makes this process end
/// @param jvmArguments options for its JVM, after those that it inherits
/// @param environment variables that are set, or removed if the value is null
/// @param stdout where its standard output goes
/// @param stderr where its standard error goes
public record WorkerSettings(String name, int cpu, boolean daemon, boolean hasGrace, List<String> jvmArguments,
        Map<String, @Nullable String> environment, WorkerOutput stdout, WorkerOutput stderr) {
    /// Copies them.
    public WorkerSettings {
        jvmArguments = List.copyOf(jvmArguments);
        environment = Collections.unmodifiableMap(new LinkedHashMap<>(environment));
    }

    /// Those of a worker with nothing special about it.
    static WorkerSettings plain() {
        return new WorkerSettings(
                "plain", -1, false, false, List.of(), Map.of(), WorkerOutput.STDOUT, WorkerOutput.STDERR);
    }

    /// Those of the worker that this process is, as far as it knows them.
    ///
    /// @return null in any other process
    public static @Nullable WorkerSettings current() {
        String name = ChildMain.name;
        if (name == null) return null;
        return new WorkerSettings(name, ChildMain.cpu, ChildMain.daemon, false, List.of(), Map.of(),
                WorkerOutput.STDOUT, WorkerOutput.STDERR);
    }

    /// How long a worker may take to end, or to give up a task, before it is killed.
    ///
    /// @return what the system property says, or its default
    /// @throws IllegalArgumentException if the property makes no sense
    public static Duration grace() {
        return Children.grace();
    }

    /// Whether a signal makes this JVM end: for use in a shutdown hook.
    ///
    /// @return whether one does
    public static boolean isEndedBySignal() {
        return EndSignals.cause() != 0;
    }

    /// Refuses what the system would cut off.
    ///
    /// @param what the parameter's name
    /// @param text its value
    /// @throws IllegalArgumentException if it has a zero character
    public static void refuseZero(String what, String text) {
        int index = text.indexOf('\0');
        if (index >= 0) {
            throw new IllegalArgumentException(
                    what + " has a zero character at index " + index + "; the system ends texts there");
        }
    }

    /// Refuses a core that cannot be used.
    ///
    /// @param cpu the system's number of it
    /// @throws IllegalArgumentException if this process may not use it
    public static void refuseForeignCpu(int cpu) {
        int[] available = Cpus.available();
        if (Arrays.stream(available).noneMatch(each -> each == cpu)) {
            throw new IllegalArgumentException(
                    "cpu=" + cpu + " is none of the cores that this process may use: " + Arrays.toString(available));
        }
    }

    /// Refuses an environment variable that the system cannot have.
    ///
    /// @param variable its name
    /// @param value its value; null: to be removed
    /// @throws IllegalArgumentException if it has none of the names and values that there can be
    public static void refuseImpossible(String variable, @Nullable String value) {
        if (variable.isEmpty() || variable.indexOf('=') >= 0) {
            throw new IllegalArgumentException("variable=\"" + variable
                    + "\" is no name of an environment variable: it may not be empty or contain \"=\"");
        }
        refuseZero("variable", variable);
        if (value != null) refuseZero(variable, value);
    }

    /// Whether a process that was started before, for no worker in particular, can be the worker.
    boolean isPlain() {
        return jvmArguments.isEmpty() && environment.isEmpty() && stdout.isPiped() && stderr.isPiped();
    }

    /// The options of its JVM, if it were started now, but for those that it inherits.
    ///
    /// @throws IllegalArgumentException if the grace time makes no sense
    List<String> options() {
        List<String> options = new ArrayList<>();
        options.add("-Dstdout.encoding=" + stdout.charset());
        options.add("-Dstderr.encoding=" + stderr.charset());
        // less than ours, so that it can end its workers in good order before we kill it with them
        long graceNanos = TimeUnit.NANOSECONDS.convert(Children.grace());
        options.add("-D" + Children.GRACE + "=" + Duration.ofNanos(graceNanos / 5 * 4));
        options.addAll(jvmArguments);
        return options;
    }
}
