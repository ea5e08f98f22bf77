/// A queue of byte messages shared by processes: many producers, many consumers, one order, in one memory-mapped file.
///
/// To use it, start at [LaneQueue][dev.procession.core.LaneQueue]. This page is the design: words, invariants, the
/// proof of order, crash states. Comments in the code refer to its numbers; [Reading order](#reading-order) says how to
/// go on.
///
/// # Words
///
/// | word | meaning |
/// |---|---|
/// | lane | one producer's log of records, single-writer: a ring buffer in chunks, written only by its *owner* |
/// | chunk | a part of a lane, of a fixed size; the log goes from chunk to chunk by *jumps* |
/// | chain | the chunks from the head's to the tail's, in the order of the log |
/// | record | an 8-byte *header* (ticket, length) and the payload; a header is never zero |
/// | position | a monotonic 64-bit number in one lane: the number of jumps so far, and the *offset* in the lane |
/// | head | position of a lane's first record not yet taken; in the file |
/// | tail | position of the owner's next record; known to the owner only |
/// | ticket | a number drawn from one shared counter; headers hold its low 40 bits |
/// | order | tickets order the lanes, a lane orders its own records |
/// | announcement | with a bound on the items: the number of records that an owner has put, or is about to have put |
/// | late | of a lease: held longer than the queue's visibility time-out |
/// | gap | a ticket drawn but without a record: its producer is slow, stopped or dead |
/// | look | one pass of a consumer over the first record of each lane in use |
/// | taking step | the one store that makes a record a consumer's: the point of no return |
/// | lease word | in a leased queue, the holder of a record: one word per 64-byte block, outside the lane |
/// | heir | a producer that takes over the lane of an owner that is gone |
///
/// (A [Claim][dev.procession.core.Claim] is something else: space in a lane that its owner fills in place before
/// publishing.)
///
/// # Actors
///
/// | actor | writes | holds a kernel lock on the byte of |
/// |---|---|---|
/// | creator | the whole file, before it has a name | none |
/// | producer | its lane; the ticket counter (fetch-and-add); lanes in use (CAS) | its lane |
/// | exclusive consumer | heads (release) | the consumers, exclusively |
/// | shared consumer | heads (CAS) | the consumers, shared |
/// | leasing consumer | lease words and heads (CAS) | its consumer id |
/// | observer (isEmpty, size, stats) | nothing | none |
/// | every thread that waits or wakes | waiting bit and futex word, see `Doorbell` | none |
///
/// No process ever waits for a lock. The kernel drops a lock when its process is gone, however it ended; so "not
/// locked" means that the holder is dead, *and that all its stores are done*. On an error the holder counts as alive.
///
/// # Invariants
///
/// 1. **Single writer.** Only its owner writes a lane, and only after the tail and in chunks that are free (6).
/// 2. **Zero end.** Each log ends in a zero header, written before the record that precedes it is published. So an heir
///    finds the tail by walking from the head, and nothing needs repair.
/// 3. **Publishing.** A record exists from the release store of its header on, and is immutable from then until the
///    head has passed it.
/// 4. **Positions are monotonic**: head ≤ tail, and no chunk is in the chain twice.
/// 5. **Taking.** A head passes a record once: by its consumer's taking step (exclusive: a store; shared: a CAS), or,
///    in a leased queue, after the record is done (a CAS over one record). It passes a jump when a look finds it there.
/// 6. **Reuse.** The owner overwrites a chunk, or gives its space back to the file system, only after it has read a
/// head
///    that has passed all of it. Chunks of one lane stay its owner's: nothing is shared, so a kill leaks nothing.
/// 7. **Tickets.** If put(a) returned before put(b) began, b's ticket is larger, or both are in one lane and b comes
///    later in it. Tickets of different lanes differ.
/// 8. **Lanes in use** is monotonic, covers each lane before its first put, and is read before the lanes in each look
///    (while the number is one: after the lane, see below).
/// 9. **Disbelief.** What is read from a lane is void until a reread of the head shows that it has not moved, or the
///    taking step has succeeded. Lengths are checked before use.
/// 10. **Lease words** do not repeat: jump count, consumer id and attempt make each one unique (for a record that is
///     leased 16,383 times, attempts go round), and an id is not reassigned while a living consumer or any lease word
///     has it. A word of another jump count means that the record is free, so producers never write any. One word does
///     repeat: zero, where space was given back. So after the CAS of a lease the head is read once more.
/// 11. **Announcements.** With a bound on the items, a living owner's announced count is never below the number of
///     records that it has put, and is raised, then fenced, before the owner counts the other announcements (Dekker).
///
/// # put
///
///     with a bound on the items: announce one      if that exceeds it: retract, full (11)
///     room for the record and a zero header?       one comparison; if not: a jump to a free chunk, or full (6)
///     ticket := mine, if no other producer drew    one load, usually a cache hit
///            or mine := fetch-and-add              the only read-modify-write on shared memory
///     write the payload at the tail                (1)
///     zero the header after the record             (2)
///     store the header at the tail, release        (3): the message exists
///     wake sleepers, if any
///
/// Why a ticket may be used again (7): let a put P have returned before a put Q of another lane began. P left the
/// counter at p + 1 or more, p being its ticket. Q reads it later: it draws p + 1 or more, or uses its own last ticket
/// again, which is the counter less one, so p or more; and not p, which is another lane's.
///
/// What that saves: a locked instruction drains the store buffer, whose stores are cache misses in a queue; without it
/// a lone producer was 3.6 times as fast. (After contention a producer draws without comparing first, until a draw
/// shows that it is uncontended again: comparing would cost a second transfer of the cache line.)
///
/// With a bound on the items a second word follows the header: the record's number within its lane. The zero header at
/// the end of a log has one too, so an heir knows how many records were put.
///
/// A record never crosses the end of its chunk. Where it would, the owner takes the lowest chunk that is free (for a
/// record longer than a chunk, neighbouring ones), zeroes the first header there, and stores a *jump* at the tail,
/// release: a header without ticket that names the chunk. So a lane whose consumers keep up goes to and fro between its
/// two lowest chunks, which stay in the cache, and one with a backlog grows, up to the lane's size. What it has grown
/// by is given back to the file system: by a thread of the owner's process some tenths of a second later, when the
/// owner closes, by its heir, or, if it has none, by a consumer that finds the queue empty or closes. A consumer that
/// was stopped there sees zeros, old bytes, or a fault if the file system is full, and disbelieves all three (9).
///
/// **A batch** is several records that are published by one store: those after the first are written whole, with plain
/// stores, where no consumer looks yet; then the zero header after the last; then the first header, release. It has one
/// ticket, from when it was opened.
///
/// # get
///
///     look: read the first header of each lane in use; r := the record with the smallest ticket
///     r's put is known to have begun before this look began?  take it
///     otherwise remember what was seen, and look again
///
/// It is known if, before the look, a larger ticket had been seen (in a header or in the counter), or r itself, or a
/// later record of r's lane.
///
/// **Why that is the order.** Suppose a put P returned before r's put began. Then P's record was published before the
/// look began (3), its lane was in use (8), and its ticket is smaller than r's, or it precedes r in r's lane (7). So
/// the look found it, or a record before it in its lane, whose ticket is no larger either, and r was not the smallest;
/// or it was taken already. Hence no record is taken before one whose put had returned when its own
/// put began. No look waits for a producer: a gap costs nothing, and a late record is simply the smallest one when it
/// arrives. And "known to have begun": a larger ticket drawn, or r itself present, means that r's put had read the
/// counter by then. (That an equal ticket was seen does not suffice, since puts of one lane share tickets; the model
/// finds the counterexample.)
///
/// A consumer caches a lane's first header until that record is taken, and reads in a look only lanes cached as empty.
/// That is equivalent to reading all: a lane's first record stays first until it is taken, and if another consumer has
/// taken it, the taking step fails, or a reread of the head before that step shows that it has moved (9).
///
/// **While only one lane is in use** its own order is the order: read the header, then the number of lanes; if it is
/// still one, take. If there is no record, one look suffices for "empty".
///
/// **Empty** takes two consecutive looks that find nothing and the same heads (in a leased queue: that end each lane at
/// the same position), since while one lane is read, another may get a message and lose it. An exclusive consumer needs
/// one look: no other consumer takes.
///
/// **Taking** is by [Delivery][dev.procession.core.Delivery]. Exclusive: read in place, then move the head. Shared:
/// copy out, then CAS the head from where it was read; that proves the copy, since no producer writes there before the
/// head has passed it (6). Leased: CAS the lease word from free (or from a holder that is dead or late) to "mine", copy
/// out, reread the word; later CAS it to "done". Any thread that finds the record at the head done moves the head over
/// it and the done ones that follow it: one CAS proves that all of them were still there.
///
/// **The end** of the stream is a word that every get reads before it looks, and that a put reads unless the ticket
/// counter shows that nobody has drawn since its lane's owner did: a shut-down sets the word, then draws a ticket. A
/// queue that ends with its producers counts them before they are attached; if no lane has an owner, asked one after
/// the other, and the count has not changed meanwhile, there was a moment without any. See
/// [EndOfStream][dev.procession.core.EndOfStream].
///
/// # What a kill or a stop leaves
///
/// | where | what other processes see |
/// |---|---|
/// | put, before the header is stored | a gap, or a jump; an announcement keeps its place until its owner is dead |
/// | batch, before the first header is stored | the same: none of its records |
/// | put, after it | the message, although the call never returned; sleepers wake by their timers |
/// | attaching, before lanes in use is raised | the heir raises it (8) |
/// | exclusive consumer, before it moves the head | the next one gets the message again |
/// | shared consumer, before the CAS; after it | nothing; the message is gone with it |
/// | leasing consumer, with a lease | the record is leased again once the holder's lock is gone, or it is late |
/// | leasing consumer, between "done" and moving the head | the next look moves the head |
/// | shut-down, between the word and the ticket | puts go on until a thread is told of it, which draws one first |
/// | any thread that counts, looks or waits | nothing |
///
/// A stopped process resumes where it was: what it had read is disbelieved (9), its CAS fails if it is late, and a
/// record that it publishes late is delivered next.
///
/// # Memory order
///
/// Headers and heads are release stores, paired with volatile loads: a header makes its payload visible, a head shows
/// that the reads before it are over. The loads are volatile rather than acquire because the proof relies on a read of
/// an *older* value (a counter before a draw, a header before a publish) being ordered before later reads; on x86 both
/// are plain loads. A put ends without a fence: a process learns of its return through a later store of the same
/// thread, or a system call. Comparing clocks can expose the store buffer, so the checker of the stress tests takes its
/// time stamps after a fence.
///
/// The order between processes is HotSpot's promise, not the Java memory model's: see
/// [SharedMemory][dev.procession.core.SharedMemory].
///
/// # Reading order
///
/// `Layout` (the table), `LaneWriter` (a put, step by step), `LaneScan` (the look), `SharedConsumer` (`tryGet`, `read`,
/// `take`): that is put and get, half an hour. Then `LaneSpace`, `ExclusiveConsumer`, `LeaseScan`, `LeasingConsumer`
/// and `Lease`, `Bound`, `Doorbell`. Around them: `Producer` and `Consumer` are the public side of the first two;
/// `LaneQueue` is the handle, `QueueFile` its file, `Participants` attachment and liveness, `Lanes` what is known of
/// all lanes together, and the walks of observers, `Browser` a look that takes nothing, `Home` the directory of
/// anonymous queues, and package `os` the system calls.
///
/// The algorithm follows the time-stamped queue of Dodds, Haas and Kirsch (*A Scalable, Correct Time-Stamped Stack*,
/// POPL 2015), with tickets in place of stamps. MODELS.md lists what Spin has checked, RELIABILITY.md what was tested
/// on real processes.
@NullMarked
package dev.procession.core;

import org.jspecify.annotations.NullMarked;
