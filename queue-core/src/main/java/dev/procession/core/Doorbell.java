package dev.procession.core;

import dev.procession.core.os.Os;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/// A pair of waiting bit and futex word that wakes sleepers: one pair for messages, one for room.
///
///     sleeper                                      waker
///     w = futex word                               publish (or move the head)
///     waiting bit := 1, unless it is               if the waiting bit is set:
///     asymmetric fence (membarrier)                    waiting bit := 0
///     look again; if anything is there, do not sleep   futex word += 1
///     futex wait while the word is w                   futex wake all
///
/// The word is read before the bit is set, the bit is cleared before the word is incremented, the word is incremented
/// before the wake: swapping any of these loses a wake-up. This is Dekker with an asymmetric fence: the waker has no
/// StoreLoad fence between publishing and reading the bit, so its store may still be in the store buffer; the sleeper's
/// membarrier makes up for it. A process without membarrier sets the fence bit when it attaches, and wakers fence from
/// then on.
///
/// A kill or a stop between publishing and waking still loses a wake-up, and so does a waker of the portable platform,
/// which clears the bit and cannot wake. So every sleep is timed, and the bit is not a
/// count, which a kill would leave too high for ever.
///
/// Room is not signalled at each move of a head, but when it leaves a chunk: only then is there more.
///
/// Thread-safe.
final class Doorbell {
    private static final long WAITING = 1;
    private static final long FENCE = 2;

    private final QueueFile file;
    private final long waitingAddress;
    private final long futexOffset;
    private final AtomicBoolean watched = new AtomicBoolean();
    private @Nullable FutexProxy proxy; // guarded by this

    /// @param waiting file offset of the waiting bit
    /// @param futex file offset of the futex word
    private Doorbell(QueueFile file, long waiting, long futex) {
        this.file = file;
        waitingAddress = file.base + waiting;
        futexOffset = futex;
    }

    static Doorbell forMessages(QueueFile file) {
        return new Doorbell(file, Layout.MESSAGES_WAITING_OFFSET, Layout.MESSAGES_FUTEX_OFFSET);
    }

    static Doorbell forRoom(QueueFile file) {
        return new Doorbell(file, Layout.ROOM_WAITING_OFFSET, Layout.ROOM_FUTEX_OFFSET);
    }

    /// Called once per handle, before any thread waits or wakes through it.
    static void attach(QueueFile file) {
        // pairs with the wakers' reads of the bit: where it works, a sleeper has it, too
        if (!Os.CURRENT.canWake() || Os.CURRENT.processWideBarrier()) return;
        // pairs with the wakers' reads of the bit, which fence from now on; one that has read it just before may lose a
        // wake-up, and the timer covers that
        SharedMemory.getAndBitwiseOr(file.memory, file.base + Layout.MESSAGES_WAITING_OFFSET, FENCE);
        // pairs with the same
        SharedMemory.getAndBitwiseOr(file.memory, file.base + Layout.ROOM_WAITING_OFFSET, FENCE);
    }

    boolean isForRoom() {
        return futexOffset == Layout.ROOM_FUTEX_OFFSET;
    }

    // ---- the sleeper

    /// Says that this thread is about to sleep; it must then look once more at what it waits for.
    ///
    /// @return the futex word, for [#sleep]
    int prepareToSleep() {
        // pairs with the add in ringAll(); before the bit: a waker that saw the bit increments the word after this read
        int word = SharedMemory.getIntVolatile(file.memory, file.base + futexOffset);
        // pairs with the AND in ringAll(): a bit that is set already serves this sleeper, too
        if ((SharedMemory.getVolatile(file.memory, waitingAddress) & WAITING) == 0) {
            SharedMemory.getAndBitwiseOr(file.memory, waitingAddress, WAITING); // pairs with the reads in ring()
        }
        // pairs with the opaque read in ring(): the next look sees the waker's publish, or the waker sees the bit
        Os.CURRENT.processWideBarrier();
        return word;
    }

    /// Sleeps until rung, or timed out.
    ///
    /// @param word what [#prepareToSleep] returned
    /// @param left the longest sleep, in ns
    /// @param nanos when it normally returns at the latest, in ns, so that the sleeper looks itself; among many virtual
    ///     threads it may sleep longer
    void sleep(int word, long left, long nanos) {
        if (Thread.currentThread().isVirtual()) proxy().sleep(word, left, nanos);
        else Os.CURRENT.sleep(file.memory, futexOffset, word, Math.min(left, nanos));
    }

    /// The death of a lease holder rings no bell. Of all sleepers of all processes the one that gets a lock for this
    /// sleep looks for that often; the others sleep as long as usual.
    ///
    /// @param often the longest sleep of that one, in ns
    void sleepOrWatch(int word, long left, long nanos, long often) {
        if (!watched.compareAndSet(false, true)) { // another thread does, through this handle
            sleep(word, left, nanos);
            return;
        }
        boolean locked = false;
        try {
            locked = file.open.tryLock(Layout.WATCH_LOCK, false);
            sleep(word, left, locked ? Math.min(nanos, often) : nanos);
        } finally {
            if (locked) file.open.unlock(Layout.WATCH_LOCK);
            watched.set(false);
        }
    }

    private synchronized FutexProxy proxy() {
        if (proxy == null) proxy = new FutexProxy(file, futexOffset);
        return proxy;
    }

    // ---- the waker

    /// Called after each publish, and after those moves of a head that signal room: wakes all sleepers if there are
    /// any.
    static void ring(MemorySegment memory, long base, long waiting, long futex) {
        // opaque: not hoisted above the publish by the compiler; the sleeper's membarrier covers reordering by the CPU.
        // Pairs with the OR in prepareToSleep()
        if (SharedMemory.getOpaque(memory, base + waiting) != 0) ringIfAwaited(memory, base, waiting, futex);
    }

    private static void ringIfAwaited(MemorySegment memory, long base, long waiting, long futex) {
        // pairs with the OR in attach(), by a process without membarrier
        if ((SharedMemory.getOpaque(memory, base + waiting) & FENCE) != 0) SharedMemory.fullFence();
        // pairs with the OR in prepareToSleep()
        if ((SharedMemory.getVolatile(memory, base + waiting) & WAITING) != 0) ringAll(memory, base, waiting, futex);
    }

    /// Wakes all sleepers of all processes, for messages and for room.
    static void ringBoth(QueueFile file) {
        ringAll(file.memory, file.base, Layout.MESSAGES_WAITING_OFFSET, Layout.MESSAGES_FUTEX_OFFSET);
        ringAll(file.memory, file.base, Layout.ROOM_WAITING_OFFSET, Layout.ROOM_FUTEX_OFFSET);
    }

    static void ringAll(MemorySegment memory, long base, long waiting, long futex) {
        // in this order; pairs with the OR in prepareToSleep()
        SharedMemory.getAndBitwiseAnd(memory, base + waiting, ~WAITING);
        SharedMemory.getAndAddInt(memory, base + futex, 1); // pairs with the read of the word in prepareToSleep()
        Os.CURRENT.wake(memory, futex);
    }
}
