package dev.procession;

import java.io.Serializable;
import org.jspecify.annotations.Nullable;

/// How a [Worker] ended.
///
/// {@snippet file="ExamplesTest.java" region="exit"}
///
/// A process that calls `System.exit(143)` and one that SIGTERM ended both show 143 to a shell; here they are an
/// [Exited] and a [Killed]. The one thing that nothing in the worker can report is `Runtime.halt(n)` with n above 128:
/// it is taken for the signal n - 128, as it is by a shell.
public sealed interface WorkerExit extends Serializable {

    /// A number for scripts and logs: 0 when finished, 1 when failed, the code when exited, and -n when killed by
    /// signal n.
    ///
    /// @return the code, at least -127
    int code();

    /// Whether it went well: the worker [finished][Finished], or its task called `System.exit(0)`.
    ///
    /// @return whether the [#code()] is 0
    default boolean isSuccess() {
        return code() == 0;
    }

    /// The task returned, and so did all other non-daemon threads of the worker.
    record Finished() implements WorkerExit {
        @Override
        public int code() {
            return 0;
        }

        @Override
        public String toString() {
            return "finished";
        }
    }

    /// The task threw an exception, or could not be unpacked in the worker.
    ///
    /// @param exceptionClass the name of the exception's class, which this process need not have
    /// @param message        the exception's own message; a longer one is cut off after 1,048,576 characters. If it
    ///     cannot be asked for its message, that is said here
    /// @param stackTrace     what `printStackTrace` prints, causes included; if that throws, or is more than 2,097,152
    ///     characters, the class, message and frames of the exception and of its causes. Where the worker could not
    ///     write that much, all three are shorter
    record Failed(String exceptionClass, @Nullable String message, String stackTrace) implements WorkerExit {
        @Override
        public int code() {
            return 1;
        }

        @Override
        public String toString() {
            return "failed with " + exceptionClass + (message == null ? "" : ": " + message);
        }
    }

    /// The worker called `System.exit`, or its JVM could not start (code 1).
    ///
    /// @param code the exit code, 0 to 255: of what `System.exit` was given the system keeps the low 8 bits, so 255 of
    ///     -1, and 44 of 300
    record Exited(int code) implements WorkerExit {
        @Override
        public String toString() {
            return "exited with code " + code;
        }
    }

    /// A signal ended the worker, be it at once (SIGKILL, a crash) or through its shutdown hooks (SIGTERM).
    ///
    /// @param signal the signal's number, 1 to 127
    record Killed(int signal) implements WorkerExit {
        @Override
        public int code() {
            return -signal;
        }

        @Override
        public String toString() {
            String name = switch (signal) {
                case 1 -> " (SIGHUP)";
                case 2 -> " (SIGINT)";
                case 3 -> " (SIGQUIT)";
                case 6 -> " (SIGABRT)";
                case 9 -> " (SIGKILL)";
                case 11 -> " (SIGSEGV)";
                case 15 -> " (SIGTERM)";
                default -> "";
            };
            return "killed by signal " + signal + name;
        }
    }
}
