package dev.procession.tests.kit;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Reads the journals of all who took part and says what was lost, duplicated or reordered, in linear time.
///
/// A producer's journal says how many messages it began to put (intent) and how many puts returned (result).
/// A consumer's holds the ids of what it got, in its order.
public final class Oracle {
    private final Map<Integer, Journal> producers = new HashMap<>();
    private final List<long[]> gotten = new ArrayList<>();
    private final List<String> evidence = new ArrayList<>();
    private long puts, gets, lost, duplicated, reordered;

    public void producer(int number, Journal journal) {
        producers.put(number, journal);
    }

    public void consumer(Journal journal) {
        gotten.add(journal.words());
    }

    /// Shared consumers: everything that was put arrives once; `mayBeMissing` messages may have gone with
    /// killed consumers.
    public Oracle checkOnce(long mayBeMissing) {
        var seen = new HashMap<Integer, byte[]>();
        producers.forEach((number, journal) -> seen.put(number, new byte[(int) journal.intent() + 1]));
        for (long[] ids : gotten) {
            var last = new HashMap<Integer, Long>();
            for (long id : ids) {
                gets++;
                int producer = Load.producer(id);
                long sequence = Load.sequence(id);
                byte[] marks = seen.get(producer);
                if (marks == null || sequence >= marks.length || sequence < 1) {
                    duplicated++;
                    note("never put: " + Load.name(id));
                    continue;
                }
                if (marks[(int) sequence]++ != 0) {
                    duplicated++;
                    note("twice: " + Load.name(id));
                }
                Long before = last.put(producer, sequence);
                if (before != null && before >= sequence) {
                    reordered++;
                    note(Load.name(id) + " after its message " + before);
                }
            }
        }
        long missing = 0;
        for (var entry : producers.entrySet()) {
            byte[] marks = seen.get(entry.getKey());
            long returned = entry.getValue().result();
            puts += returned;
            for (int sequence = 1; sequence <= returned; sequence++) {
                if (marks[sequence] == 0) {
                    missing++;
                    note("missing: " + Load.name(Load.id(entry.getKey(), sequence)) + " of " + returned);
                }
            }
        }
        lost = Math.max(0, missing - mayBeMissing);
        return this;
    }

    /// Exclusive consumers, in the order in which they followed one another: each starts where its
    /// predecessor's finished work ends, at most `mostRedelivered` messages before the last that it saw.
    public Oracle checkSuccession(int mostRedelivered) {
        var last = new HashMap<Integer, Long>();
        for (long[] ids : gotten) {
            var first = new HashMap<Integer, Boolean>();
            long again = 0;
            for (long id : ids) {
                gets++;
                int producer = Load.producer(id);
                long sequence = Load.sequence(id);
                long expected = last.getOrDefault(producer, 0L) + 1;
                if (sequence > expected) {
                    lost += sequence - expected;
                    note("missing: " + (sequence - expected) + " before " + Load.name(id));
                } else if (sequence < expected && first.containsKey(producer)) {
                    reordered++;
                    note(Load.name(id) + " after its message " + (expected - 1));
                } else if (sequence < expected) {
                    again += expected - sequence;
                }
                first.put(producer, true);
                last.put(producer, sequence);
            }
            if (again > mostRedelivered) {
                duplicated += again - mostRedelivered;
                note("one consumer got " + again + " messages again, of which it may " + mostRedelivered);
            }
        }
        producers.forEach((number, journal) -> {
            puts += journal.result();
            long end = last.getOrDefault(number, 0L);
            if (end < journal.result()) {
                lost += journal.result() - end;
                note("missing: " + (journal.result() - end) + " after message " + end + " of producer " + number);
            } else if (end > journal.intent()) {
                duplicated++;
                note("never put: message " + end + " of producer " + number);
            }
        });
        return this;
    }

    private void note(String what) {
        if (evidence.size() < 20) evidence.add(what);
    }

    public long puts() {
        return puts;
    }

    public void assertFaultless() {
        if (lost + duplicated + reordered != 0) throw new AssertionError(this + "\n" + String.join("\n", evidence));
    }

    @Override
    public String toString() {
        return "puts=" + puts + " gets=" + gets + " lost=" + lost + " duplicated=" + duplicated + " reordered="
                + reordered;
    }
}
