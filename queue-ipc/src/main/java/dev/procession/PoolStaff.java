package dev.procession;

import dev.procession.PoolMessage.Kind;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The workers of a [WorkerPool] that have not ended, and how it goes with new ones: if some end in a row that have
/// done nothing, the next one is started after a pause, longer each time. Guarded by the pool's lock.
final class PoolStaff {
    private static final long FIRST_PAUSE = 100_000_000;
    private static final long LONGEST_PAUSE = 300 * FIRST_PAUSE;
    /// If the file system is full: so that it has about a minute to be no longer.
    private static final long FOR_ROOM = 10 * FIRST_PAUSE;
    /// How much it counts that one has ended by itself; that it was killed, or the file system is full, counts 1.
    private static final int BY_ITSELF = 20;
    /// After three in a row that have ended by themselves, or many that were killed, there is no hope if none is left.
    private static final int HOPELESS = 3 * BY_ITSELF;

    private final PoolSettings settings;
    private final PoolTimers timers;
    private final Map<Integer, PoolWorker> workers = new LinkedHashMap<>();
    private int lastNumber;
    private int misses; // of those in a row that have done nothing
    private long notBefore = System.nanoTime();
    private boolean isGivenUp;

    PoolStaff(PoolSettings settings, PoolTimers timers) {
        this.settings = settings;
        this.timers = timers;
    }

    /// One that is not started yet: it will hear whatever is told to all from now on.
    PoolWorker hire(SharedQueue<PoolMessage> tasks, SharedQueue<PoolMessage> results) {
        BitSet taken = new BitSet();
        for (PoolWorker each : workers.values()) taken.set(each.slot);
        PoolWorker worker = new PoolWorker(++lastNumber, taken.nextClearBit(0), settings, tasks, results);
        workers.put(worker.number, worker);
        return worker;
    }

    /// @return null if it has ended, or the number is none's
    @Nullable
    PoolWorker get(int number) {
        return workers.get(number);
    }

    int size() {
        return workers.size();
    }

    List<PoolStats.Running> running() {
        return workers.values().stream().map(PoolWorker::running).filter(Objects::nonNull).toList();
    }

    boolean isEmpty() {
        return workers.isEmpty();
    }

    /// @param most as many as have something to do
    boolean isShort(int most) {
        return !isGivenUp && workers.size() < Math.min(most, settings.size()) && System.nanoTime() - notBefore >= 0;
    }

    void tellAll(Kind kind, long id) {
        for (PoolWorker each : workers.values()) each.tell(kind, id);
    }

    /// Kills those that have not ended within the grace time.
    void killAllLater() {
        timers.after(settings.grace().toNanos(), this::killAll);
    }

    /// Kills those that run nothing, as far as is known, and do not hear what they are told now within the grace time.
    void killDeafLater() {
        for (PoolWorker each : workers.values()) {
            if (!each.isReady || each.runs != null) continue;
            each.tell(Kind.CANCEL, 0); // no task's number
            timers.after(settings.grace().toNanos(), () -> {
                if (workers.get(each.number) == each && !each.hasHeard()) each.kill();
            });
        }
    }

    void killAll() {
        workers.values().forEach(PoolWorker::kill);
    }

    /// At the very end.
    void closeAll() {
        workers.values().forEach(PoolWorker::close);
    }

    /// It has ended, or could not be started.
    void remove(PoolWorker worker) {
        workers.remove(worker.number);
        worker.close();
    }

    /// One has ended before it has done anything.
    void missed(boolean wasKilled, boolean hadRoom) {
        misses += wasKilled || !hadRoom ? 1 : BY_ITSELF;
        int inRow = Math.min(misses / BY_ITSELF, 10);
        if (inRow == 0 && hadRoom) return;
        long nanos = hadRoom ? Math.min(FIRST_PAUSE << 2 * (inRow - 1), LONGEST_PAUSE) : FOR_ROOM;
        notBefore = System.nanoTime() + nanos;
        timers.after(nanos, () -> {}); // so that the thread looks
    }

    /// One has started a task.
    void works() {
        misses = 0;
    }

    boolean isHopeless() {
        return workers.isEmpty() && misses >= HOPELESS;
    }

    /// None is started any more, until there is something new to do.
    void giveUp() {
        isGivenUp = true;
    }

    /// @return whether there is no worker for it: they are started anew
    boolean hasSomethingToDo() {
        if (!isGivenUp) return false;
        isGivenUp = false;
        misses = 0;
        notBefore = System.nanoTime();
        return true;
    }
}
