/// A queue of byte messages shared by processes: many producers, many consumers, one order, in one memory-mapped file.
///
/// To use it, start at [LaneQueue][dev.procession.core.LaneQueue]. To understand it, read this page: it holds the whole
/// argument, and the comments in the code refer to its numbers. [Reading order](#reading-order) says how to go on.
///
/// # Words
///
/// | word | meaning |
/// |---|---|
/// | lane | one producer's private log of records: a ring buffer in the file, which only its *owner* writes |
/// | record | an 8-byte *header* (ticket, length) and the payload; a header is never zero |
/// | position | a byte count of one lane that only grows, 64 bits; *offset*: the position modulo the lane's size |
/// | head | position of a lane's first record that is not taken yet; in the file |
/// | tail | position at which the owner puts its next record; only the owner knows it |
/// | ticket | a number from one shared counter, of which a header has the low 40 bits |
/// | order | tickets order the lanes, a lane orders its own records |
/// | gap | a ticket that was drawn and has no record: its producer is slow, stopped or dead |
/// | look | one pass of a consumer over the first records of all lanes in use |
/// | taking step | the one store by which a record becomes a consumer's, or is finished: the point of no return |
/// | lease word | in a leased queue, who holds the record; one word beside each 64-byte block of a lane |
/// | heir | a producer that gets the lane of an owner that is gone |
///
/// (A [Claim][dev.procession.core.Claim] is something else: space in a lane that its owner fills in place.)
///
/// # Actors
///
/// | actor | writes | holds a kernel lock on the byte of |
/// |---|---|---|
/// | creator | the whole file, before it has a name | |
/// | producer | its lane; the ticket counter (fetch-and-add); lanes in use (CAS) | its lane |
/// | exclusive consumer | heads (release) | the consumers, exclusively |
/// | shared consumer | heads (CAS) | the consumers, shared |
/// | leasing consumer | lease words and heads (CAS) | its number |
/// | onlooker (isEmpty, size, stats) | nothing | |
/// | all that wait or wake | waiting bit and futex word, see `Doorbell` | |
///
/// Nobody ever waits for a lock. The kernel drops a lock when its process is gone, however it went; so "not locked"
/// means that the holder is dead, *and that all its stores are done*. An error means that the holder lives.
///
/// # Invariants
///
/// 1. **Single writer.** Between a lane's tail and its head plus the lane's size, only the owner writes.
/// 2. **Zero end.** Each log ends in a zero header: it is written before what precedes it is published. So an heir
///    finds the tail by walking from the head, and there is nothing to repair.
/// 3. **Publishing.** A record exists from the release store of its header on. From then until the head has passed it,
///    nobody changes it.
/// 4. **Positions only grow**: head ≤ tail ≤ head + size of the lane.
/// 5. **Taking.** A head passes a record once, by the taking step of the one that takes it (exclusive: a store; shared:
///    a CAS), or, in a leased queue, after the record is done (a CAS over one record).
/// 6. **Reuse.** The owner writes over a record only after it has read a head that has passed it.
/// 7. **Tickets.** If put(a) returned before put(b) began, b's ticket is larger, or they are of one lane and b comes
///    later in it. Tickets of different lanes differ.
/// 8. **Lanes in use** only grows, covers each lane before its first put, and is read before the lanes in each look
///    (while it is one, after the lane: see below).
/// 9. **Disbelief.** What is read from a lane means nothing until the head is read again and has not moved, or the
///    taking step has succeeded. Lengths are checked before they are used.
/// 10. **Lease words** never repeat: lap, owner's number and attempt make each one new, and a number is not given away
///     while a living consumer or any lease word has it. A word of an earlier lap means that the record is free, so
///     producers never write any.
/// 11. **Announcements.** In a queue with a bound on its items a living owner's announced number is never below the
///     number of the records that it has put, and is raised, then fenced, before it counts what the others have
///     announced.
///
/// # put
///
///     with a bound on the items: announce one      if that is one too many: take it back, full (11)
///     room for the record and a zero header?       else full (6)
///     ticket := mine, if nobody has drawn since    one load, usually from the cache
///            or mine := fetch-and-add              the only read-modify-write on shared memory
///     write the payload at the tail                (1)
///     zero the header after the record             (2)
///     store the header at the tail, release        (3): the message exists
///     wake whoever sleeps
///
/// Why a ticket may be used again (7): let a put P have returned before a put Q of another lane began. When P read the
/// counter, it showed at least P's ticket. Q reads it later, so Q draws a larger one, or finds its own last ticket
/// still the newest, which then was drawn after P's read. A locked instruction waits for all stores before it, and
/// those are cache misses in a queue; without it a lone producer was 3.6 times as fast. (A producer that has just met
/// another draws without looking first, until a draw shows that it is alone again: to look would cost a second transfer
/// of the line.)
///
/// In a queue with a bound on its items a second word follows the header: the record's number within its lane. The zero
/// header at the end of a log has one too, so an heir knows how many records there were.
///
/// Where the record would cross the lane's end, *padding* takes the rest of it: a header without ticket, published like
/// a record. A consumer steps over padding and the record after it at once.
///
/// # get
///
///     look: read the first header of each lane in use; r := the one with the smallest ticket
///     r's put is known to have begun before this look began?  take it
///     else remember what was seen, and look again
///
/// It is known if, before the look, a larger ticket had been seen (in a header or in the counter), or r itself, or a
/// later record of r's lane.
///
/// **Why that is the order.** Suppose a put P returned before r's put began. Then P's record was published before the
/// look began (3), its lane was in use (8), and its ticket is smaller than r's, or it precedes r in r's lane (7). So
/// the look found it, or it was taken already. Hence no record is taken before one whose put had returned when its own
/// put began. No look waits for anybody: a gap costs nothing, and a record that comes late is simply the smallest one
/// when it comes. And why "known to have begun": that a larger ticket was drawn, or that r was there, means that r's
/// put had read the counter by then. (To compare tickets alone is not enough, since puts share them; a model finds the
/// run.)
///
/// A consumer remembers the first header of a lane until that record is taken, and reads in a look only the lanes that
/// it remembers as empty. That is as good as reading all: a record that was a lane's first stays so until it is taken,
/// and if another consumer has taken it, the taking step fails, or the head that is read before it has moved (9).
///
/// **While only one lane is in use** its own order is the order: read the header, then the number of lanes; if it is
/// still one, take.
///
/// **Empty** needs two looks in a row that found nothing and the same heads in both (in a leased queue: that ended each
/// lane at the same position), since while one lane is read, another may get a message and lose it. An exclusive
/// consumer needs one look: nobody else takes.
///
/// **Taking** is by [Delivery][dev.procession.core.Delivery]. Exclusive: read in place, then move the head. Shared:
/// copy out, then CAS the head from where it was read; that proves the copy, since nobody writes there before the head
/// has passed it (6). Leased: CAS the lease word from free (or from a holder that is dead or late) to "mine", copy out,
/// read the word again; later CAS it to "done", and whoever finds the record at the head done moves the head.
///
/// # What a kill or a stop leaves
///
/// | where | what the others see |
/// |---|---|
/// | put, before the header is stored | nothing: a gap; an announcement holds a place until its owner is dead |
/// | put, after it | the message is there, though the call never returned; its sleepers wake by their timers |
/// | put, before lanes in use is raised | the heir raises it (8) |
/// | exclusive consumer, before it moves the head | the next one gets the message again |
/// | shared consumer, before the CAS; after it | nothing; the message is gone with it |
/// | leasing consumer, after the claim | the record is lent again when its holder's lock is gone, or its time is over |
/// | leasing consumer, between "done" and moving the head | the next look moves the head |
/// | anybody that counts, looks or waits | nothing |
///
/// A process that was stopped goes on where it was: what it read by then is not believed (9), its CAS fails if it is
/// late, and what it publishes late is delivered next.
///
/// # Memory order
///
/// A header and a head are stored by release and loaded by volatile reads, which pair with them: a header shows the
/// payload before it, a head shows that the reads before it are over. The loads are volatile rather than acquire
/// because the proof leans on a read of an *older* value (a counter before a draw, a header before a publish) being
/// ordered before later reads; on x86 both are plain loads. A put ends without a fence: whoever is told that it
/// returned is told by a later store of the same process, or by a system call. A comparison of clocks may notice the
/// store buffer; so the checker of the storms stamps behind a fence.
///
/// The order between processes is HotSpot's promise, not the Java memory model's: see
/// [SharedMemory][dev.procession.core.SharedMemory].
///
/// # Reading order
///
/// `Layout` (the table), `LaneWriter` (a put, step by step), `LaneScan` (the look), `SharedConsumer` (`tryGet`, `read`,
/// `take`): that is put and get, and takes half an hour. Then `LaneSpace`, `ExclusiveConsumer`, `LeasingConsumer` and
/// `Lease`, `Bound`, `Doorbell`. Around them: `Producer` and `Consumer` are what users see of the first two;
/// `LaneQueue` is the handle, `QueueFile` its file, `Participants` who takes part and who is alive, `Lanes` the walks
/// of those who only ask, `Home` where queues without a name live, and the package `os` what the system is asked.
///
/// The algorithm follows the time-stamped queue of Dodds, Haas and Kirsch (*A Scalable, Correct Time-Stamped Stack*,
/// POPL 2015), with tickets in place of stamps. MODELS.md says what was searched by Spin, RELIABILITY.md what was tried
/// on real processes.
@NullMarked
package dev.procession.core;

import org.jspecify.annotations.NullMarked;
