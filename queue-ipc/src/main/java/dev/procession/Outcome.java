package dev.procession;

import dev.procession.worker.Failure;
import dev.procession.worker.ResultCodec;
import dev.procession.worker.TaskCodec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/// How a task of a [WorkerPool] went, as bytes: what it has returned, or what it has thrown, twice: as itself, if that
/// can be serialized, and as a [RemoteException], for a pool that cannot read it.
final class Outcome {
    private static final byte RETURNED = 0;
    private static final byte THROWN = 1;

    private Outcome() {}

    // ---- in the worker

    /// Makes a task anew and runs it. All that goes wrong is the outcome, but that memory has run out while it ran: of
    /// the rest of this process nothing is known then.
    ///
    /// @throws OutOfMemoryError if that is what happened
    static byte[] of(PoolMessage message, String worker) {
        byte[] packed = message.body();
        Callable<?> task;
        try {
            if (packed == null) throw new IOException("there is no memory for its " + message.length() + " bytes");
            task = callable(TaskCodec.unpack(packed, WorkerMain.TASKS));
        } catch (Throwable e) {
            return thrown(new UncheckedIOException(
                    "The task could not be read in worker \"" + worker + "\": " + Failure.text(cause(e)),
                    io(cause(e))));
        }
        return of(task);
    }

    /// Makes a result of what a task returns or throws.
    ///
    /// @throws OutOfMemoryError if it throws that
    static byte[] of(Callable<?> task) {
        Object result;
        try {
            result = task.call();
        } catch (OutOfMemoryError e) {
            throw e;
        } catch (Throwable e) {
            return thrown(e);
        }
        try {
            return prefixed(RETURNED, ResultCodec.pack(result));
        } catch (Throwable e) {
            return unsent("The result of the task, a " + String.valueOf(result == null ? null : result.getClass())
                    + ", cannot be sent back", e);
        }
    }

    /// What goes in place of an outcome that cannot be sent.
    static byte[] unsent(String what, Throwable why) {
        return thrown(new UncheckedIOException(what + ": " + Failure.text(why), io(why)));
    }

    private static Callable<?> callable(Object task) {
        if (task instanceof Callable<?> callable) return callable;
        return () -> {
            ((Runnable) task).run();
            return null;
        };
    }

    /// What a static initializer throws is what went wrong.
    private static Throwable cause(Throwable e) {
        Throwable cause = e.getClass() == ExceptionInInitializerError.class ? e.getCause() : null;
        return cause == null ? e : cause;
    }

    private static IOException io(Throwable e) {
        return e instanceof IOException io ? io : new IOException(Failure.text(e), e);
    }

    private static byte[] prefixed(byte kind, byte[] bytes) {
        byte[] all = new byte[1 + bytes.length];
        all[0] = kind;
        System.arraycopy(bytes, 0, all, 1, bytes.length);
        return all;
    }

    private static byte[] thrown(Throwable thrown) {
        byte[] standIn = packed(RemoteException.of(thrown));
        byte[] itself = thrown instanceof RemoteException ? new byte[0] : packed(thrown);
        return ByteBuffer.allocate(1 + Integer.BYTES + standIn.length + itself.length)
                .put(THROWN).putInt(standIn.length).put(standIn).put(itself).array();
    }

    /// @return nothing if it cannot be serialized
    private static byte[] packed(Throwable thrown) {
        try {
            return ResultCodec.pack(thrown);
        } catch (Throwable e) { // of its own methods, too
            return new byte[0];
        }
    }

    // ---- in the pool

    static boolean hasReturned(byte @Nullable [] bytes) {
        return bytes != null && bytes[0] == RETURNED;
    }

    /// What the task has returned.
    ///
    /// @throws ExecutionException with what the task has thrown
    /// @throws UncheckedIOException if that cannot be read
    static @Nullable Object get(byte @Nullable [] bytes, int length) throws ExecutionException {
        try {
            if (bytes == null) throw new IOException("there is no memory for its " + length + " bytes");
            if (bytes[0] == RETURNED) return ResultCodec.unpack(bytes, 1);
        } catch (Throwable e) {
            throw new UncheckedIOException("The result of the task could not be read: " + Failure.text(cause(e)),
                    io(cause(e)));
        }
        int standIn = ByteBuffer.wrap(bytes).getInt(1);
        int itself = 1 + Integer.BYTES + standIn;
        if (itself < bytes.length) {
            try {
                if (ResultCodec.unpack(bytes, itself) instanceof Throwable thrown) throw new ExecutionException(thrown);
            } catch (ExecutionException e) {
                throw e;
            } catch (Throwable e) {
                // the stand-in says what it was
            }
        }
        throw new ExecutionException(standIn(bytes));
    }

    private static Throwable standIn(byte[] bytes) {
        try {
            if (ResultCodec.unpack(bytes, 1 + Integer.BYTES) instanceof Throwable thrown) return thrown;
            return new IOException("The task has thrown an exception that could not be read.");
        } catch (Throwable e) {
            return new IOException("The task has thrown an exception that could not be read: "
                    + Failure.text(e), e);
        }
    }
}
