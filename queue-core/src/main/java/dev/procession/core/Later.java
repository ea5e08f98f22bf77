package dev.procession.core;

import java.lang.ref.WeakReference;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/// Calls something again and again, by the JDK's own threads, which end no JVM late.
final class Later {
    private static final long MILLIS = 100;

    private Later() {}

    /// Calls the task every 100 ms until it returns false, or nothing else refers to it.
    static void repeat(BooleanSupplier task) {
        repeat(new WeakReference<>(task));
    }

    private static void repeat(WeakReference<BooleanSupplier> reference) {
        CompletableFuture.delayedExecutor(MILLIS, TimeUnit.MILLISECONDS).execute(() -> {
            BooleanSupplier task = reference.get();
            if (task != null && task.getAsBoolean()) repeat(reference);
        });
    }
}
