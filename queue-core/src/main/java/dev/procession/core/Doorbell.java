package dev.procession.core;

import dev.procession.core.os.Os;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// One pair of waiting bit and futex word, by which sleepers are woken: there is one for messages and one for room.
///
///     sleeper                                      waker
///     w = futex word                               publish (or move the head)
///     waiting bit := 1                             if the waiting bit is set:
///     asymmetric fence (membarrier)                    waiting bit := 0
///     look again; anything there: do not sleep         futex word += 1
///     futex wait while the word is w                   futex wake
///
/// The word is read before the bit is set, the bit is cleared before the word is raised, and the word is raised before
/// the wake: each of these swapped loses a wake-up. This is Dekker's pattern, publish and look against bit and look;
/// the waker has no StoreLoad fence between publishing and reading the bit, so its store may still be in its store
/// buffer, and the sleeper's membarrier makes up for that. A process that cannot have that sets the fence bit when it
/// attaches, and then wakers fence.
///
/// A kill or a stop between publishing and waking loses a wake-up all the same. So every sleep is timed, and the bit is
/// never a count, which a kill would leave too high for ever.
///
/// Room is signalled not at each move of a head but when it passes an eighth of its lane, and when the lane is empty:
/// for a producer of a full lane a wake-up for each message would cost more than the message.
///
/// Thread-safe.
final class Doorbell {
    private static final long WAITING = 1;
    private static final long FENCE = 2;

    private final QueueFile file;
    private final long waitingAddress;
    private final long futexOffset;
    private @Nullable FutexProxy proxy; // guarded by this

    /// @param waiting offset in the file of the waiting bit
    /// @param futex offset in the file of the futex word
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

    /// Called once for each handle, before any thread waits or wakes through it.
    static void attach(QueueFile file) {
        if (!Os.CURRENT.canWake() || Os.CURRENT.processWideBarrier()) return;
        // pairs with the wakers' reads of the bit: from now on they fence
        SharedMemory.getAndBitwiseOr(file.memory, file.base + Layout.MESSAGES_WAITING_OFFSET, FENCE);
        SharedMemory.getAndBitwiseOr(file.memory, file.base + Layout.ROOM_WAITING_OFFSET, FENCE);
    }

    // ---- the sleeper

    /// Says that a thread is about to sleep, which then looks once more at what it waits for.
    ///
    /// @return the futex word, for [#sleep]
    int announce() {
        // before the bit: a waker that saw the bit raises the word after this read. Pairs with the add in ringAll()
        int word = SharedMemory.getIntVolatile(file.memory, file.base + futexOffset);
        SharedMemory.getAndBitwiseOr(file.memory, waitingAddress, WAITING);
        // pairs with the opaque read in ring(): the look that follows sees the waker's publish, or the waker sees the
        // bit
        Os.CURRENT.processWideBarrier();
        return word;
    }

    /// Sleeps until rung, or for some time.
    ///
    /// @param word what [#announce] returned
    /// @param left the longest sleep, in ns
    /// @param nanos after which it ends all the same, so that the sleeper looks by itself; a virtual thread in a crowd
    ///     may sleep longer
    void sleep(int word, long left, long nanos) {
        if (Thread.currentThread().isVirtual()) proxy().sleep(word, left, nanos);
        else Os.CURRENT.sleep(file.memory, futexOffset, word, Math.min(left, nanos));
    }

    private synchronized FutexProxy proxy() {
        if (proxy == null) proxy = new FutexProxy(file, futexOffset);
        return proxy;
    }

    // ---- the waker

    /// Called after each publish, or each move of a head: wakes the sleepers if there are any.
    static void ring(MemorySegment memory, long base, long waiting, long futex) {
        // opaque: the compiler may not move it up before the publish; that the processor may, the sleeper's fence makes
        // up for. Pairs with the or in announce()
        if (SharedMemory.getOpaque(memory, base + waiting) != 0) ringIfAwaited(memory, base, waiting, futex);
    }

    private static void ringIfAwaited(MemorySegment memory, long base, long waiting, long futex) {
        // pairs with the or in announce(), of a process without membarrier
        if ((SharedMemory.getOpaque(memory, base + waiting) & FENCE) != 0) SharedMemory.fullFence();
        if ((SharedMemory.getVolatile(memory, base + waiting) & WAITING) != 0) ringAll(memory, base, waiting, futex);
    }

    static void ringAll(MemorySegment memory, long base, long waiting, long futex) {
        // in this order; the add pairs with the read of the word in announce()
        SharedMemory.getAndBitwiseAnd(memory, base + waiting, ~WAITING);
        SharedMemory.getAndAddInt(memory, base + futex, 1);
        Os.CURRENT.wake(memory, futex);
    }
}
