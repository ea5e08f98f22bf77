package dev.procession.tests.history;

import dev.procession.core.Delivery;
import dev.procession.tests.kit.Load;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/// Reads the histories of all who took part in a storm and decides, in linear time, whether they could have come from
/// one queue that takes one operation at a time.
///
/// - *lost*: the put returned, but nobody got the message, not even who emptied the queue in the end. A consumer that
///   was killed in the middle of a get may have taken one along, and a shared one in the middle of a poll the rest of
///   its run, if it died after that put had begun. An exclusive consumer's poll takes nothing along. Of a batch whose
///   producer was killed all messages are there if one is.
/// - *duplicated*: got twice, or never put. An exclusive consumer may get again what its killed predecessor got in
///   its last, unfinished poll.
/// - *reordered*: put(a) returned before put(b) began, and yet the get of b returned before that of a began, or one
///   consumer got b and then a. Or so of two neighbours in one batch. Or a consumer was told that the queue is empty
///   although at each moment of the question there was some message whose put had returned and whose get had not begun.
///   Or a get returned before its put began.
///
/// - In a leased queue a message is lost if no consumer began to finish it. It is duplicated if two held it at a time:
///   if it was lent while its last holder lived and had not begun to finish it or to give it back, or after it
///   was finished, or if its attempts do not count up. Order is that of the first lease of each message, as far as it
///   is known: who was killed while it took a lease may have had it before.
///
/// Linear: no two stamps are equal and they are dense, so one array by stamp puts all events in order, and one pass
/// along it finds for each put(b) the latest get among all messages whose puts had returned by then.
public final class LinearizabilityChecker {
    private static final int MOST_FINDINGS = 1000;
    private static final long NEVER = Long.MAX_VALUE;

    /// One of those who took part.
    ///
    /// @param number of a producer: as in its messages
    /// @param death a stamp taken after its process was gone; 0 if it was not killed
    record Part(int number, History history, long death) {}

    /// Messages that may have gone with a killed consumer.
    private record Excuse(long death, long messages) {}

    /// One lease.
    ///
    /// @param attempt 0 if it is not known
    /// @param until the holder was alive and had it at that moment
    /// @param done when it was finished; 0: never, NEVER: that did not return
    private record Lent(int message, int consumer, long begin, long end, int attempt, long until, long done) {}

    private final Delivery delivery;
    private final List<Part> parts = new ArrayList<>();
    private final List<String> findings = new ArrayList<>();
    private final List<Excuse> excuses = new ArrayList<>();

    private int[] firstOf = {}; // by producer: index of its first message
    private int[] countOf = {}; // by producer: how many puts began
    private long[] putBegin = {}; // by message; NEVER if it was refused
    private long[] putEnd = {}; // NEVER if it did not return
    private long[] getBegin = {}; // of the first get; NEVER if there was none
    private long[] getEnd = {};
    private boolean[] beside = {}; // it is in one batch with the message before
    private byte[] gets = {}; // how often it was got: 0, 1, many
    private boolean[] known = {}; // its first get is
    private long[] heldUntil = {}; // by leases: the last holder was alive and had it at that moment
    private long[] doneAt = {}; // 0: nobody began to finish it, NEVER: that did not return
    private int[] attempts = {};
    private boolean[] unfinished = {}; // its last get was in a poll that a kill cut off
    private long[] emptyBegin = new long[1024];
    private long[] emptyEnd = new long[1024];
    private int empties;
    private long newest;
    private final List<Lent> leases = new ArrayList<>();

    private long puts, got, redelivered, lost, duplicated, reordered;

    public LinearizabilityChecker(Delivery delivery) {
        this.delivery = delivery;
    }

    public LinearizabilityChecker add(int number, History history, long death) {
        parts.add(new Part(number, history, death));
        return this;
    }

    public LinearizabilityChecker decide() {
        readPuts();
        // by the time of their first operation: exclusive consumers come one after the other
        parts.stream().filter(part -> part.history.count() > 0 && part.history.kind(0) != History.PUT)
                .sorted(Comparator.comparingLong(part -> part.history.begin(0))).forEach(this::readGets);
        readLeases();
        findLost();
        findReordered();
        findReorderedInBatches();
        return this;
    }

    private void readPuts() {
        firstOf = new int[parts.stream().mapToInt(Part::number).max().orElse(0) + 1];
        countOf = new int[firstOf.length];
        int total = 0;
        for (var part : parts) {
            if (!isProducer(part)) continue;
            firstOf[part.number] = total;
            total += countOf[part.number] = Math.toIntExact(part.history.count());
        }
        putBegin = new long[total];
        putEnd = new long[total];
        getBegin = new long[total];
        getEnd = new long[total];
        beside = new boolean[total];
        gets = new byte[total];
        unfinished = new boolean[total];
        known = new boolean[total];
        Arrays.fill(known, true);
        heldUntil = new long[total];
        doneAt = new long[total];
        attempts = new int[total];
        Arrays.fill(putEnd, NEVER);
        Arrays.fill(getBegin, NEVER);
        Arrays.fill(getEnd, NEVER);
        for (var part : parts) {
            if (!isProducer(part)) continue;
            for (int entry = 0; entry < countOf[part.number]; entry++) {
                int message = firstOf[part.number] + entry;
                long end = part.history.end(entry);
                beside[message] = part.history.kind(entry) == History.BESIDE;
                putBegin[message] = end == History.REFUSED ? NEVER : stamp(part.history.begin(entry));
                if (end > 0) {
                    putEnd[message] = stamp(end);
                    puts++;
                }
            }
        }
    }

    private static boolean isProducer(Part part) {
        return part.history.count() > 0 && part.history.kind(0) == History.PUT;
    }

    private long stamp(long stamp) {
        newest = Math.max(newest, stamp);
        return stamp;
    }

    private void readGets(Part part) {
        var history = part.history;
        long count = history.count();
        long poll = -1; // the entry of the last one
        long newestPut = 0; // the latest beginning of a put among the messages that this consumer got
        for (long entry = 0; entry < count; entry++) {
            long begin = stamp(history.begin(entry));
            boolean open = history.end(entry) == 0;
            long end = open ? part.death : stamp(history.end(entry));
            long id = history.id(entry);
            switch (history.kind(entry)) {
                case History.IS_EMPTY -> {
                    if (!open && id == 1) empty(begin, end);
                }
                case History.GET -> {
                    if (id != 0) newestPut = get(part, id, begin, end, false, newestPut);
                    else if (open) excuses.add(new Excuse(part.death, 1));
                    else empty(begin, end);
                }
                case History.POLL -> {
                    poll = entry;
                    boolean handed = entry + 1 < count && history.kind(entry + 1) == History.HANDED;
                    if (!open && !handed) empty(begin, end);
                    if (open && delivery == Delivery.SHARED) {
                        excuses.add(new Excuse(part.death, id - (count - entry - 1)));
                    }
                }
                case History.HANDED -> newestPut = get(part, id, begin, end, history.end(poll) == 0, newestPut);
                case History.LEASE -> {
                    if (id != 0) newestPut = lent(part, entry, id, begin, end, newestPut);
                    else if (!open) empty(begin, end);
                }
                case History.ATTEMPT, History.DONE, History.RELEASE -> {} // read with their lease
                default -> throw new IllegalStateException("entry " + entry + " of a consumer: " + history);
            }
        }
    }

    /// Takes down one get. Returns the latest beginning of a put among what its consumer got.
    private long get(Part part, long id, long begin, long end, boolean cutOff, long newestPut) {
        got++;
        int message = message(part, id);
        if (message < 0) return newestPut;
        if (delivery == Delivery.LEASED) { // who empties the queue: lent and finished in one
            leases.add(new Lent(message, part.number, begin, end, 0, end, end));
            return newestPut;
        }
        if (gets[message] > 0 && unfinished[message]) {
            redelivered++;
        } else if (gets[message] > 0) {
            duplicated++;
            note(Load.name(id) + " was got again by consumer " + part.number + " in " + begin + ".." + end
                    + ", first in "
                    + getBegin[message] + ".." + getEnd[message]);
        } else {
            getBegin[message] = begin;
            getEnd[message] = end;
        }
        if (gets[message] < 2) gets[message]++;
        unfinished[message] = cutOff && delivery == Delivery.EXCLUSIVE;
        return inOrder(part, message, end, newestPut);
    }

    /// The message's index, or -1 if it was never put.
    private int message(Part part, long id) {
        int producer = Load.producer(id);
        long sequence = Load.sequence(id);
        if (producer < countOf.length && sequence >= 1 && sequence <= countOf[producer]) {
            int message = firstOf[producer] + (int) sequence - 1;
            if (putBegin[message] != NEVER) return message;
        }
        duplicated++;
        note(Load.name(id) + " was got by consumer " + part.number + ", but never put");
        return -1;
    }

    private long inOrder(Part part, int message, long end, long newestPut) {
        if (end < putBegin[message]) {
            reordered++;
            note(name(message) + " was got before its put began");
        } else if (putEnd[message] < newestPut) {
            reordered++;
            note("consumer " + part.number + " got " + name(message) + ", whose put returned at " + putEnd[message]
                    + ", after one whose put began at " + newestPut);
        }
        return Math.max(newestPut, putBegin[message]);
    }

    /// Takes down one lease, of which the next entries tell more. Returns what [#inOrder] does.
    private long lent(Part part, long entry, long id, long begin, long end, long newestPut) {
        got++;
        int message = message(part, id);
        if (message < 0) return newestPut;
        var history = part.history;
        long count = history.count();
        boolean tells = entry + 1 < count && history.kind(entry + 1) == History.ATTEMPT;
        int attempt = tells ? (int) history.id(entry + 1) : 0;
        boolean ends = tells && entry + 2 < count;
        long until = ends ? history.begin(entry + 2) : tells ? history.begin(entry + 1) : begin;
        long done = !ends || history.kind(entry + 2) != History.DONE ? 0
                : history.end(entry + 2) == 0 ? NEVER : history.end(entry + 2);
        leases.add(new Lent(message, part.number, begin, end, attempt, until, done));
        return attempt == 1 ? inOrder(part, message, end, newestPut) : Math.max(newestPut, putBegin[message]);
    }

    private void readLeases() {
        leases.sort(Comparator.comparingLong(Lent::end));
        for (var lease : leases) {
            int message = lease.message;
            String wrong = lease.end < heldUntil[message] ? "another consumer held it until " + heldUntil[message]
                    : doneAt[message] != 0 && doneAt[message] < lease.begin ? "it was finished at " + doneAt[message]
                    : lease.attempt != 0 && lease.attempt <= attempts[message] && attempts[message] < 127
                            ? "attempt " + lease.attempt + " comes after attempt " + attempts[message]
                    : null;
            if (wrong != null) {
                duplicated++;
                note(name(message) + " was lent to consumer " + lease.consumer + " in " + lease.begin + ".." + lease.end
                        + ", but " + wrong);
            }
            if (gets[message]++ == 0) {
                getBegin[message] = lease.begin;
                getEnd[message] = lease.end;
                known[message] = lease.attempt == 1;
            } else {
                redelivered++;
                gets[message] = 2;
            }
            heldUntil[message] = Math.max(heldUntil[message], lease.until);
            if (doneAt[message] == 0 || doneAt[message] == NEVER)
                doneAt[message] = lease.done != 0 ? lease.done : doneAt[message];
            attempts[message] = Math.max(lease.attempt, attempts[message]);
        }
    }

    private void empty(long begin, long end) {
        if (empties == emptyBegin.length) {
            emptyBegin = Arrays.copyOf(emptyBegin, 2 * empties);
            emptyEnd = Arrays.copyOf(emptyEnd, 2 * empties);
        }
        emptyBegin[empties] = begin;
        emptyEnd[empties++] = end;
    }

    /// Each missing message needs a killed consumer of its own that may have taken it: one that died after the put
    /// began.
    private void findLost() {
        var missing = new ArrayList<Integer>();
        for (int message = 0; message < gets.length; message++) {
            boolean finished = delivery == Delivery.LEASED ? doneAt[message] != 0 : gets[message] > 0;
            if (!finished && (putEnd[message] != NEVER || isBesideOneThatIsThere(message))) missing.add(message);
        }
        missing.sort(Comparator.comparingLong((Integer message) -> putBegin[message]).reversed());
        excuses.sort(Comparator.comparingLong(Excuse::death).reversed());
        long excused = 0;
        int next = 0;
        for (int message : missing) {
            while (next < excuses.size() && excuses.get(next).death > putBegin[message]) {
                excused += excuses.get(next++).messages;
            }
            if (excused-- > 0) continue;
            excused = 0;
            lost++;
            note(name(message) + " is lost: put in " + putBegin[message] + ".." + putEnd[message]);
        }
    }

    /// Whether another message of the same batch was got.
    private boolean isBesideOneThatIsThere(int message) {
        if (putBegin[message] == NEVER) return false;
        int first = message;
        while (beside[first]) first--;
        for (int each = first; each == first || each < beside.length && beside[each]; each++) {
            if (gets[each] > 0) return true;
        }
        return false;
    }

    /// Messages of one batch have no times of their own.
    private void findReorderedInBatches() {
        for (int message = 1; message < beside.length; message++) {
            if (!beside[message] || gets[message] == 0 || gets[message - 1] == 0) continue;
            if (!known[message] || !known[message - 1] || getEnd[message] > getBegin[message - 1]) continue;
            reordered++;
            note(name(message) + " was got in " + getBegin[message] + ".." + getEnd[message] + ", before "
                    + name(message - 1) + " of the same batch, got in " + getBegin[message - 1] + ".."
                    + getEnd[message - 1]);
        }
    }

    /// One pass along the clock.
    private void findReordered() {
        int[] events = new int[Math.toIntExact(newest + 1)]; // by stamp: -1 - message: put returned; see below
        int messages = putBegin.length;
        for (int message = 0; message < messages; message++) {
            if (gets[message] == 0) continue;
            events[(int) putBegin[message]] = 1 + message;
            if (putEnd[message] != NEVER && known[message]) events[(int) putEnd[message]] = -1 - message;
        }
        for (int i = 0; i < empties; i++) events[(int) emptyEnd[i]] = 1 + messages + i;

        long latest = 0; // the latest beginning of a get among all messages whose puts have returned
        int latestMessage = 0;
        long heldFrom = 0; // at each moment between these two some message was in the queue for certain
        long heldTo = 0;
        for (int now = 0; now < events.length; now++) {
            int event = events[now];
            if (event == 0) continue;
            if (event < 0) {
                int message = -1 - event;
                if (getBegin[message] > latest) {
                    latest = getBegin[message];
                    latestMessage = message;
                }
                if (now > heldTo) heldFrom = now;
                heldTo = Math.max(heldTo, getBegin[message]);
            } else if (event <= messages) {
                int message = event - 1;
                if (getEnd[message] < latest) {
                    reordered++;
                    note(name(message) + ", put in " + now + ".." + putEnd[message] + ", was got in "
                            + getBegin[message]
                            + ".." + getEnd[message] + ", before " + name(latestMessage) + ", put in "
                            + putBegin[latestMessage] + ".." + putEnd[latestMessage] + ", got in "
                            + getBegin[latestMessage] + ".." + getEnd[latestMessage]);
                }
            } else {
                int i = event - 1 - messages;
                if (heldFrom > 0 && heldFrom < emptyBegin[i] && now < heldTo) {
                    reordered++;
                    note("told that the queue is empty in " + emptyBegin[i] + ".." + emptyEnd[i]
                            + ", but from " + heldFrom + " to " + heldTo + " there always was a message");
                }
            }
        }
    }

    private String name(int message) {
        for (int producer = 0; producer < countOf.length; producer++) {
            int before = message - firstOf[producer];
            if (before >= 0 && before < countOf[producer]) return Load.name(Load.id(producer, before + 1));
        }
        throw new IllegalStateException("message=" + message);
    }

    private void note(String what) {
        if (findings.size() < MOST_FINDINGS) findings.add(what);
    }

    public long puts() {
        return puts;
    }

    public long gets() {
        return got;
    }

    /// How many gets were of messages that a killed exclusive consumer had not finished.
    public long redelivered() {
        return redelivered;
    }

    /// How many answers said that the queue is empty.
    public long empties() {
        return empties;
    }

    public long lost() {
        return lost;
    }

    public long duplicated() {
        return duplicated;
    }

    public long reordered() {
        return reordered;
    }

    /// What is wrong, in words; no more than some hundreds.
    public List<String> findings() {
        return findings;
    }
}
