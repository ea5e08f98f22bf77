package dev.procession.bench;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What new processes move in their first second, from the command to move the first message: each sample has processes
/// and files of its own. Processes that live for a short time live in it.
final class FirstSecond implements Subject {
    private static final Duration LENGTH = Duration.ofSeconds(1);

    private final Maker maker;
    private volatile @Nullable Group group; // of the sample that is taken

    /// Makes the processes of one sample.
    interface Maker {
        Group make() throws IOException;
    }

    FirstSecond(Maker maker) {
        this.maker = maker;
    }

    @Override
    public void start() {}

    @Override
    public void open() {}

    @Override
    public void warmUp(Duration length, Waiting.Policy policy) {}

    @Override
    public WarmUp warmUpUntilStill(Duration atMost, Waiting.Policy policy) {
        throw new UnsupportedOperationException("cold is not warm");
    }

    @Override
    public Sampled sample(Duration length, Waiting.Policy policy) throws IOException, InterruptedException {
        Group its = maker.make();
        group = its;
        try {
            its.start();
            its.open();
            return its.sampleSlices(LENGTH, policy);
        } finally {
            its.close();
        }
    }

    @Override
    public List<Long> pids() {
        return List.of();
    }

    @Override
    public void close() {
        Group its = group;
        if (its != null) its.close();
    }
}
