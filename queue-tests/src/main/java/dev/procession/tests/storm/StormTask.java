package dev.procession.tests.storm;

import dev.procession.Call;
import dev.procession.tests.kit.Random64;
import java.util.concurrent.Future;

/// A task of a pool's storm, and what is to become of it: all that follows from its number and the seed.
final class StormTask {
    private static final int LONG_RESULT = 30_000;

    private enum Manner {
        /// It works for some time, up to 0.2 ms.
        WORK,
        /// It has a long result.
        LONG,
        /// It throws.
        THROW,
        /// It sleeps for longer than it may, until it is interrupted.
        SLEEP,
        /// It works for ever.
        DEAF,
        /// It ends its worker when it is started first.
        EXIT,
        /// It ends each of its workers.
        EXIT_AGAIN
    }

    final int number;
    private final Manner manner;
    private final Future<long[]> future;
    /// Whether the future said that it is cancelled now.
    boolean isCancelled;

    /// Is told how to submit what is to be called.
    interface Submit {
        Future<long[]> submit(Call<long[]> task);
    }

    StormTask(int number, long seed, String starts, Submit pool) {
        this.number = number;
        Random64 random = new Random64(seed + number);
        manner = switch (random.below(5000)) {
            case 0 -> Manner.DEAF;
            case 1, 2, 3 -> Manner.EXIT;
            case 4, 5 -> Manner.EXIT_AGAIN;
            case 6, 7, 8 -> Manner.SLEEP;
            default -> switch (random.below(50)) {
                case 0 -> Manner.LONG;
                case 1 -> Manner.THROW;
                default -> Manner.WORK;
            };
        };
        int kind = manner.ordinal(); // what the task captures is plain
        int micros = random.below(200);
        future = pool.submit(() -> run(number, Manner.values()[kind], micros, Starts.in(starts).begin(number)));
    }

    Future<long[]> future() {
        return future;
    }

    void cancel(boolean interrupt) {
        isCancelled |= future.cancel(interrupt);
    }

    private static long[] run(int number, Manner manner, int micros, int start) throws InterruptedException {
        switch (manner) {
            case THROW -> throw new IllegalStateException("thrown by " + number);
            case SLEEP -> Thread.sleep(PoolStorm.TIME_LIMIT.multipliedBy(100));
            case EXIT, EXIT_AGAIN -> {
                if (start == 1 || manner == Manner.EXIT_AGAIN) System.exit(number & 0x7f);
            }
            default -> {}
        }
        long until = System.nanoTime() + 1000L * micros;
        while (System.nanoTime() < until || manner == Manner.DEAF) Thread.onSpinWait();
        long[] result = new long[manner == Manner.LONG ? LONG_RESULT : 1];
        for (int i = 0; i < result.length; i++) result[i] = Random64.mix(number + 31L * i);
        return result;
    }

    boolean isEndless() {
        return manner == Manner.DEAF || manner == Manner.SLEEP;
    }

    boolean isRight(long[] result) {
        if (result.length != (manner == Manner.LONG ? LONG_RESULT : 1)) return false;
        for (int i = 0; i < result.length; i++) if (result[i] != Random64.mix(number + 31L * i)) return false;
        return manner == Manner.WORK || manner == Manner.LONG || manner == Manner.EXIT;
    }

    boolean isRight(Throwable thrown) {
        return manner == Manner.THROW && thrown instanceof IllegalStateException
                && thrown.getMessage().equals("thrown by " + number);
    }

    @Override
    public String toString() {
        return "task " + number + " (" + manner + ")";
    }
}
