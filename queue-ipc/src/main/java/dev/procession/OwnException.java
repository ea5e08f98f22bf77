package dev.procession;

import dev.procession.core.QueueException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The exceptions of `dev.procession.core` as those of this package, so that one import is enough for a program. They
/// extend those, so whatever catches one of that package catches these too.
final class OwnException {
    private OwnException() {}

    /// The same in this package: message, cause and stack trace.
    static RuntimeException of(QueueException e) {
        if (e.getClass().getPackageName().equals(OwnException.class.getPackageName())) return e;
        QueueException own = own(e);
        if (e.getCause() != null) own.initCause(e.getCause());
        own.setStackTrace(e.getStackTrace());
        for (Throwable each : e.getSuppressed()) own.addSuppressed(each);
        return own;
    }

    private static QueueException own(QueueException e) {
        String message = e.getMessage();
        if (e instanceof dev.procession.core.QueueClosedException) return new QueueClosedException(message);
        if (e instanceof dev.procession.core.QueueShutDownException) return new QueueShutDownException(message);
        if (e instanceof dev.procession.core.QueueEndedException) return new QueueEndedException(message);
        if (e instanceof dev.procession.core.QueueUnavailableException) return new QueueUnavailableException(message);
        if (e instanceof dev.procession.core.MessageTooLargeException) return new MessageTooLargeException(message);
        if (e instanceof dev.procession.core.LeaseLostException) return new LeaseLostException(message);
        return new QueueCorruptedException(message);
    }

    /// Calls the core, and throws what it throws as this package's own.
    static <T extends @Nullable Object> T translate(Supplier<T> call) {
        try {
            return call.get();
        } catch (QueueException e) {
            throw of(e);
        }
    }
}
