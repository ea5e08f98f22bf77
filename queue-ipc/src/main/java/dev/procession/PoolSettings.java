package dev.procession;

import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What the builder of a [WorkerPool] says.
///
/// @param timeLimitNanos [Long#MAX_VALUE]: none
/// @param recycleAfter   0: never
/// @param chunk          0: as many as take long enough
/// @param cpus           none: the workers are not pinned
record PoolSettings(String name, int size, List<String> jvmArguments, Map<String, @Nullable String> environment,
        @Nullable BiConsumer<String, String> output, @Nullable Task initializer, int attempts, long timeLimitNanos,
        int maxQueued, int recycleAfter, int chunk, Duration grace, List<Integer> cpus,
        @Nullable Consumer<? super PoolStats> listener) {
    /// The least that there can be of a lane of 2 GiB. Each worker has a lane, and keeps two chunks of it.
    private static final long CHUNK_BYTES = 1 << 19;

    PoolSettings {
        jvmArguments = List.copyOf(jvmArguments);
        cpus = List.copyOf(cpus);
        environment = Collections.unmodifiableMap(new LinkedHashMap<>(environment));
    }

    /// Makes a queue of a pool.
    static SharedQueue<PoolMessage> queue(QueueOptions options) {
        return SharedQueue.create(PoolMessage.CODEC, options, CHUNK_BYTES);
    }
}
