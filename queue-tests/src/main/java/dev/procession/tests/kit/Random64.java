package dev.procession.tests.kit;

/// Marsaglia's xorshift64*: a generator of each thread's own. A shared one would be a lock that hides races.
public final class Random64 {
    private long state;

    public Random64(long seed) {
        state = mix(seed);
    }

    /// A seed to print, from `dev.procession.tests.seed` if that is set.
    public static long seed() {
        long seed = Long.getLong("dev.procession.tests.seed", System.nanoTime());
        System.err.println("-Ddev.procession.tests.seed=" + seed);
        return seed;
    }

    public long next() {
        state ^= state >>> 12;
        state ^= state << 25;
        state ^= state >>> 27;
        return state * 0x2545F4914F6CDD1DL;
    }

    /// 0 to `bound` - 1.
    public int below(int bound) {
        return (int) ((next() >>> 33) % bound);
    }

    /// A good hash of `value`, never 0.
    public static long mix(long value) {
        long z = value + 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        z ^= z >>> 31;
        return z == 0 ? 1 : z;
    }
}
