package dev.procession.tests.points;

import dev.procession.core.Consumer;
import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.Producer;
import dev.procession.core.QueueException;
import dev.procession.core.QueueGeometry;
import dev.procession.core.QueueUnavailableException;
import dev.procession.tests.history.Clock;
import dev.procession.tests.history.History;
import dev.procession.tests.history.LinearizabilityChecker;
import dev.procession.tests.jvm.Signals;
import dev.procession.tests.kit.Await;
import dev.procession.tests.kit.Load;
import dev.procession.tests.kit.Peer;
import dev.procession.tests.kit.Random64;
import dev.procession.tests.storm.Storm;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// One process comes to one step on shared memory and gets no further, or is killed there, while all others go on. They
/// are all in the process of this class; the [LinearizabilityChecker] reads what everybody did.
final class StepScenario {
    private static final Leasing LEASING = new Leasing(TimeUnit.MINUTES.toNanos(10), 0);
    /// Chunks as small as can be: a producer jumps every few messages, and long ones take runs of two or three chunks.
    static final QueueGeometry GEOMETRY = new QueueGeometry(3, 4096, 1024, 0, null);
    static final QueueGeometry BOUNDED = new QueueGeometry(3, 4096, 1024, 8, null);
    static final QueueGeometry LEASED = new QueueGeometry(3, 65536, 4096, 0, LEASING);
    /// Chunks as small as can be given back.
    private static final long BACKLOG_LANE_BYTES = 1 << 19;
    private static final long BACKLOG_CHUNK_BYTES = 1 << 16;
    private static final long BACKLOG_BYTES = 7 * BACKLOG_CHUNK_BYTES / 2;
    /// Lanes as small as can hold a message whose length takes a word of its own.
    private static final long LONG_LANE_BYTES = 64 << 20;
    private static final int LONG_BYTES = 16 << 20;
    static final String LABEL = "scenario";
    /// The number of the process under test, if it is a producer.
    static final int SUBJECT = 9;
    private static final int HEIR = 10;
    /// Two of the longest make a chunk full, and eight a lane: in a bounded queue there are no more.
    private static final int TRACE_BYTES = 480;
    private static final long LEASES_END_NANOS = TimeUnit.SECONDS.toNanos(5);

    /// What the process under test does.
    enum Role {
        /// Puts, and waits for room.
        PRODUCER(GEOMETRY, Delivery.SHARED, 1),
        /// The same where the number of messages has a bound.
        BOUNDED_PRODUCER(BOUNDED, Delivery.SHARED, 1),
        /// Claims, commits, and aborts now and then.
        CLAIMING_PRODUCER(GEOMETRY, Delivery.SHARED, 1),
        /// Puts batches, where the number of messages has a bound.
        BATCHING_PRODUCER(BOUNDED, Delivery.SHARED, 1),
        /// Gets one message at a time, and waits for some.
        SHARED_GETTER(GEOMETRY, Delivery.SHARED, 1),
        /// Polls runs.
        SHARED_POLLER(GEOMETRY, Delivery.SHARED, 4),
        /// Gets where the number of messages has a bound.
        BOUNDED_GETTER(BOUNDED, Delivery.SHARED, 1),
        /// Is alone, and polls.
        EXCLUSIVE_POLLER(GEOMETRY, Delivery.EXCLUSIVE, 4),
        /// Is alone, and gets.
        EXCLUSIVE_GETTER(GEOMETRY, Delivery.EXCLUSIVE, 1),
        /// Takes leases, finishes most messages and gives some back.
        LEASER(LEASED, Delivery.LEASED, 1),
        /// Polls, which takes a lease on one message after the other.
        LEASED_POLLER(LEASED, Delivery.LEASED, 4),
        /// Attaches, looks at everything, leaves.
        ONLOOKER(GEOMETRY, Delivery.SHARED, 1),
        /// Makes the queue.
        CREATOR(GEOMETRY, Delivery.SHARED, 1);

        private final QueueGeometry geometry;
        private final Delivery delivery;
        private final int run;

        Role(QueueGeometry geometry, Delivery delivery, int run) {
            this.geometry = geometry;
            this.delivery = delivery;
            this.run = run;
        }

        boolean puts() {
            return this == PRODUCER || this == BOUNDED_PRODUCER || this == CLAIMING_PRODUCER
                    || this == BATCHING_PRODUCER;
        }

        boolean takes() {
            return !puts() && this != ONLOOKER && this != CREATOR;
        }

        Delivery delivery() {
            return delivery;
        }

        boolean isAlone() {
            return delivery == Delivery.EXCLUSIVE;
        }

        Storm.Plan plan(long seed) {
            return new Storm.Plan(1, 1, 1, true, true, seed, delivery, run, geometry.laneBytes(), geometry.maxItems(),
                    0, 0);
        }

        /// The shape of the queue in this state.
        QueueGeometry geometry(State state) {
            return switch (state) {
                case BACKLOG -> new QueueGeometry(geometry.lanes(), BACKLOG_LANE_BYTES, BACKLOG_CHUNK_BYTES, 0,
                        geometry.leasing());
                case LONG -> new QueueGeometry(geometry.lanes(), LONG_LANE_BYTES, 0, geometry.leasing());
                default -> geometry;
            };
        }

        /// Whether this role has that state.
        boolean has(State state) {
            return switch (state) {
                case IDLE -> true;
                case BACKLOG -> this != CREATOR && geometry.maxItems() == 0;
                case LONG -> this == PRODUCER || this == SHARED_GETTER || this == LEASER || this == EXCLUSIVE_GETTER;
                default -> this != CREATOR;
            };
        }
    }

    /// How it finds the queue.
    enum State {
        /// There are some messages in one lane and no other was ever used; for a producer, not even that one.
        FRESH,
        /// Some messages in each lane, and nobody else does anything until it has come to its step.
        IDLE,
        /// No message, for so long that consumers sleep.
        EMPTY,
        /// One message, in the lane that is looked at last; a consumer has found the queue empty before. As long as the
        /// process under test stands still there always is a message, but not there.
        ONE,
        /// No room in any lane, for so long that producers sleep.
        FULL,
        /// The end of each lane's chunk is near: after some records the next one is in another chunk.
        NEAR_JUMP,
        /// Each lane's producer has jumped to another chunk and put nothing there, as one does that is killed right
        /// after a jump: the head comes to a jump that leads to the end of the log.
        JUMPED,
        /// There are messages in several chunks of each lane, which are given back when the messages have been taken.
        BACKLOG,
        /// There is a message of more than 16 MiB, or the process under test puts one.
        LONG;

        /// Whether it is so much like another state that each step needs to be tried once only.
        boolean isLikeAnother() {
            return this == JUMPED || this == BACKLOG || this == LONG;
        }
    }

    /// What becomes of it at its step.
    enum Fate {
        /// It is killed there.
        KILLED("kill", 100),
        /// It stops, others go on for a thousand messages, it is killed.
        STOPPED_AND_KILLED("stop", 1000),
        /// It stops, others go on for a thousand messages, it continues.
        CONTINUED("stop", 1000),
        /// There is no step; it tells which ones it makes.
        LISTING("list", 0);

        private final String action;
        private final int laps;

        Fate(String action, int laps) {
            this.action = action;
            this.laps = laps;
        }

        boolean isKill() {
            return this == KILLED || this == STOPPED_AND_KILLED;
        }
    }

    /// A JVM in which a [StepSubject] plays.
    static final class Stage {
        final Process process;
        private final BufferedReader replies;
        private boolean up;

        Stage(List<String> command) throws IOException {
            process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
            replies = process.inputReader(StandardCharsets.US_ASCII);
        }

        void order(String order) throws IOException {
            if (!up && !"ready".equals(replies.readLine())) throw new AssertionError("no JVM comes up");
            up = true;
            process.getOutputStream().write((order + "\n").getBytes(StandardCharsets.US_ASCII));
            process.getOutputStream().flush();
        }

        /// The next line, if there is one.
        @Nullable
        String reply() throws IOException {
            return replies.ready() ? replies.readLine() : null;
        }

        boolean isStopped() throws IOException {
            String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2) == 'T';
        }

        void close() {
            process.destroyForcibly();
        }
    }

    /// A producer of this process, and what it has done.
    private final class Puts implements AutoCloseable {
        final Producer producer = queue.newProducer();
        final int number;
        final History history;
        long sequence;

        Puts(int number) {
            this.number = number;
            history = history("producer-" + number);
            checker.add(number, history, 0);
        }

        boolean put() {
            long id = Load.id(number, ++sequence);
            history.begin(History.PUT, id, clock.stamp());
            boolean done = producer.tryPut(buffer, 0, load.write(id, buffer));
            history.returned(done ? clock.stamp() : History.REFUSED);
            return done;
        }

        /// The length of the last one.
        int length() {
            return load.length(Load.id(number, sequence));
        }

        @Override
        public void close() {
            producer.close();
        }
    }

    /// A consumer of this process, and what it has done.
    private final class Takes implements AutoCloseable {
        final Consumer consumer = queue.newConsumer(role.delivery);
        final History history = history("consumer-" + ++histories);

        Takes() {
            checker.add(0, history, 0);
        }

        boolean take() {
            history.begin(History.GET, 0, clock.stamp());
            int length = consumer.tryGet(buffer);
            long now = clock.stamp();
            history.returned(length == Consumer.EMPTY ? 0 : load.check(buffer, length), now);
            return length != Consumer.EMPTY;
        }

        @Override
        public void close() {
            consumer.close();
        }
    }

    final Role role;
    final State state;
    final Fate fate;
    final String name;
    final int hit;
    private final long seed;
    private final int slack;
    private final QueueGeometry geometry;
    private final Path folder;
    private final Clock clock;
    private Load load;
    private final byte[] buffer;
    private final History subject; // what it has done
    private final LinearizabilityChecker checker;
    private final List<String> told = new ArrayList<>();
    private final List<Puts> producers = new ArrayList<>(); // those who go on
    private @Nullable Takes consumer; // who goes on, unless it has to be the subject
    private LaneQueue queue;
    private int histories;
    private boolean ended; // the subject's part

    /// @param name of the step
    /// @param hit at the how many-th time that it comes there, from 1
    /// @param slack how many times as long as on a quiet machine everybody waits for the one under test to come to a
    ///     step
    @SuppressWarnings("NullAway") // the queue is made by play()
    StepScenario(Path folder, Role role, State state, Fate fate, String name, int hit, long seed, int slack) {
        this.folder = folder;
        this.role = role;
        this.state = state;
        this.fate = fate;
        this.name = name;
        this.hit = hit;
        this.seed = state == State.LONG ? longSeed(seed, role.puts() ? SUBJECT : 1, 2) : seed;
        this.slack = slack;
        geometry = role.geometry(state);
        buffer = new byte[(int) geometry.laneBytes() / 2];
        clock = new Clock(folder.resolve("clock"));
        subject = new History(folder.resolve("subject"), StepSubject.MOST_OPERATIONS);
        checker = new LinearizabilityChecker(role.delivery);
    }

    /// The first seed from this one on with which that message is a long one.
    private static long longSeed(long seed, int producer, int sequence) {
        while (new Load(seed, (int) LONG_LANE_BYTES / 2 - 64).length(Load.id(producer, sequence)) <= LONG_BYTES) seed++;
        return seed;
    }

    private History history(String name) {
        return new History(folder.resolve(name), 1 << 16);
    }

    Path folder() {
        return folder;
    }

    /// What the subject has told, after a listing.
    List<String> told() {
        return told;
    }

    /// Plays the scenario. Returns false if the subject never came to its step.
    ///
    /// @throws AssertionError if a promise was broken
    boolean play(Stage stage) throws IOException, InterruptedException {
        if (role == Role.CREATOR) return playCreator(stage);
        try (var made = LaneQueue.create(folder.resolve("queue"), geometry, LABEL)) {
            queue = made;
            load = new Load(seed, maxMessageBytes(queue));
            prepare();
            boolean come = letCome(stage);
            if (come) goOn(fate.laps);
            if (come && fate == Fate.CONTINUED) Signals.resume(stage.process);
            long death = 0;
            if (come && fate.isKill()) {
                stage.process.destroyForcibly();
                awaitDeath(stage);
                death = clock.stamp();
                inherit();
            } else {
                letEnd(stage);
            }
            check(death);
            return come;
        }
    }

    /// In queues for long messages all messages have the lengths of [#longSeed].
    static int maxMessageBytes(LaneQueue queue) {
        return Math.min(queue.maxMessageBytes(), (int) LONG_LANE_BYTES / 2 - 64);
    }

    // ---- before

    /// Leaves traces of earlier records in all chunks, so that no zero is there by chance, and brings about the state.
    private void prepare() throws IOException {
        var random = new Random64(seed);
        byte[] trace = new byte[state == State.BACKLOG ? (int) BACKLOG_CHUNK_BYTES / 8 : TRACE_BYTES];
        Arrays.fill(trace, (byte) 0x41);
        int inherited = random.below(3); // the lane of the subject: none is like the others in a look
        if (state == State.FRESH) {
            if (!role.puts()) producers.add(new Puts(0));
            for (var each : producers) for (int i = 0; i < 6; i++) each.put();
            if (!role.isAlone()) consumer = new Takes();
            return;
        }
        try (var takes = queue.newConsumer(role.delivery)) {
            for (int i = 0; i < 3; i++) producers.add(new Puts(i));
            if (state != State.LONG) for (var each : producers) leaveTraces(each, takes, trace, random);
            if (state == State.NEAR_JUMP || state == State.JUMPED) {
                for (var each : producers) {
                    int lane = each.producer.lane();
                    while (bytesToEnd(lane) < 150 || bytesToEnd(lane) > 400) pass(each, takes, trace, random.below(60));
                }
            }
        }
        switch (state) {
            case IDLE -> producers.forEach(each -> {
                for (int i = 0; i < 2; i++) each.put();
            });
            case NEAR_JUMP, LONG -> producers.forEach(Puts::put);
            case JUMPED -> producers.forEach(each -> {
                if (random.below(3) > 0) each.put();
                var claim = each.producer.tryClaim((int) geometry.chunkBytes() / 2);
                check(claim != null, "no room to jump");
                if (claim != null) claim.abort();
            });
            case BACKLOG -> producers.forEach(each -> {
                for (long bytes = 0; bytes < BACKLOG_BYTES && each.put();) bytes += each.length();
            });
            case ONE -> {
                if (!role.takes()) producers.getLast().put(); // else when it has seen the queue empty
            }
            case FULL -> producers.forEach(each -> {
                while (each.put()) {}
            });
            case EMPTY, FRESH -> {}
        }
        if (state == State.LONG) producers.get(1).put(); // the long one
        if (state == State.ONE) inherited = 1;
        if (role.puts() || role == Role.ONLOOKER) producers.remove(inherited).close();
        // a lane without an owner, of which a producer of a full queue makes sure that it has announced nothing
        if (role == Role.BOUNDED_PRODUCER && state == State.FULL) producers.removeLast().close();
        if (!role.isAlone()) consumer = new Takes();
        if (random.below(2) == 0) fenceAlways();
    }

    private static void pass(Puts puts, Consumer takes, byte[] trace, int length) {
        check(puts.producer.tryPut(trace, 0, length), "no room for a trace");
        check(takes.tryGet(trace) == length, "another trace came");
    }

    /// Fills the lane and empties it, in all chunks, and then jumps to and fro.
    private void leaveTraces(Puts puts, Consumer takes, byte[] trace, Random64 random) {
        for (int round = 0; round < 2; round++) {
            while (puts.producer.tryPut(trace, 0, trace.length / 2 + random.below(trace.length / 2))) {}
            while (takes.tryGet(buffer) != Consumer.EMPTY) {}
        }
        for (long i = 8 * geometry.chunkBytes() / trace.length; i > 0; i--) {
            pass(puts, takes, trace, random.below(trace.length / 2));
        }
    }

    /// From the head of an empty lane to the end of its chunk.
    private long bytesToEnd(int lane) {
        return geometry.chunkBytes() - queue.stats().lanes().get(lane).head() % geometry.chunkBytes();
    }

    /// As if a process had attached that cannot have barriers: then each one fences before it wakes others.
    private void fenceAlways() throws IOException {
        try (var file = new java.io.RandomAccessFile(queue.path().toFile(), "rw")) {
            for (long at : new long[] {4352, 4608}) { // messagesWaiting, roomWaiting
                file.seek(at);
                file.write(2);
            }
        }
    }

    // ---- until it has come to its step

    private boolean letCome(Stage stage) throws IOException, InterruptedException {
        stage.order(
                role + " " + folder + " " + seed + " " + hit + " " + fate.action + " " + (name.isEmpty() ? "-" : name)
                        + " " + state + " " + slack);
        if (state == State.ONE && role.takes()) {
            Await.until("it has seen the queue empty",
                    () -> subject.count() > 0 && subject.end(0) != 0 || isOver(stage));
            producers.getLast().put();
        }
        boolean sleeps =
                state == State.FULL ? role.puts() : role.takes() && (state == State.EMPTY || state == State.ONE);
        long quiet = TimeUnit.MILLISECONDS.toNanos((sleeps ? 120 : 8) * slack);
        long start = System.nanoTime();
        long since = start; // it has begun its work
        boolean works = !role.puts() && !role.takes();
        long next = start; // stimulation
        for (int step = 0; !isOver(stage); Thread.sleep(1)) {
            if (!works) {
                works = subject.count() > 0;
                since = System.nanoTime();
            }
            if (fate == Fate.KILLED ? !stage.process.isAlive() : stage.isStopped()) return true;
            if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(Peer.DEADLINE_SECONDS)) {
                Signals.dump(stage.process);
                throw new AssertionError("neither at its step nor at its end");
            }
            long now = System.nanoTime();
            if (now - since > quiet && now - next >= 0) {
                stimulate(++step);
                next = now + TimeUnit.MILLISECONDS.toNanos(slack - 1);
            }
        }
        return false;
    }

    /// Whether the subject has played its part to the end.
    private boolean isOver(Stage stage) throws IOException {
        for (String line; !ended && (line = stage.reply()) != null;) {
            if (line.startsWith("failed")) throw new AssertionError("the process under test " + line);
            if (line.equals("end")) ended = true;
            else told.add(line);
        }
        return ended;
    }

    /// Now and then there is a message for it, or room.
    private void stimulate(int step) {
        if (role == Role.CREATOR) return;
        if (consumer != null && !role.takes()) {
            while (consumer.take() && state == State.BACKLOG) {}
        } else if (step <= 12) {
            producers.get(step % producers.size()).put();
        } else {
            clock.enter(Clock.Phase.END);
        }
    }

    // ---- while it stands still

    /// Others put and get as if nobody had stopped or died: each message is there as soon as its put has returned, and
    /// there always is one left. Lanes that were not used yet are now.
    private void goOn(int laps) {
        while (state == State.FRESH && producers.size() < (role.takes() ? 3 : 2))
            producers.add(new Puts(producers.size() + 20));
        if (consumer == null) {
            for (int i = 0; i < laps; i++) producers.get(i % producers.size()).put();
            return;
        }
        while (state == State.BACKLOG && consumer.take()) {} // chunks are given back
        put(producers.getLast());
        for (int i = laps; i > 0; i--) { // the last one is in the first lane
            if (!put(producers.get((i - 1) % producers.size()))) continue;
            check(!queue.isEmpty(), "a message that was put is not there");
            check(consumer.take(), "a message that was put cannot be got");
        }
    }

    /// Puts, and makes room for it if there is none. Returns false if a consumer holds a lease at the head of the
    /// lane, and with it all that is behind.
    private boolean put(Puts puts) {
        while (!puts.put()) {
            boolean taken = consumer != null && consumer.take();
            check(taken || role.delivery == Delivery.LEASED, "full and empty");
            if (!taken) return false;
        }
        return true;
    }

    // ---- afterwards

    private void awaitDeath(Stage stage) throws InterruptedException {
        check(stage.process.waitFor(Peer.DEADLINE_SECONDS, TimeUnit.SECONDS), "it does not die");
    }

    /// The successor of a dead process has its place at once, and goes on from there.
    private void inherit() {
        if (role.isAlone()) {
            consumer = new Takes();
        } else if (role.puts() || role == Role.ONLOOKER) {
            producers.add(new Puts(HEIR));
            goOn(100);
        }
    }

    private void letEnd(Stage stage) throws IOException, InterruptedException {
        long start = System.nanoTime();
        for (int step = 9; !isOver(stage); Thread.sleep(1)) {
            if (System.nanoTime() - start > TimeUnit.SECONDS.toNanos(Peer.DEADLINE_SECONDS)) {
                Signals.dump(stage.process);
                throw new AssertionError("it does not come to its end");
            }
            check(stage.process.isAlive(), "it died by itself");
            stimulate(++step);
        }
        if (role.isAlone()) consumer = new Takes();
    }

    private void check(long death) {
        var rest = consumer;
        check(rest != null, "nobody to get the rest");
        long start = System.nanoTime();
        while (rest != null && (rest.take() || isLent() && System.nanoTime() - start < LEASES_END_NANOS)) {}
        check(queue.isEmpty(), "not empty, but there is nothing to get");
        check(queue.size() == 0, "size=" + queue.size() + " of an empty queue");
        checker.add(SUBJECT, subject, death);
        checker.decide();
        check(checker.lost() + checker.duplicated() + checker.reordered() == 0, String.join("\n", checker.findings()));
        producers.forEach(Puts::close);
        if (rest != null) rest.close();
    }

    /// That the holder of a lease is gone is noticed some milliseconds later.
    private boolean isLent() {
        return role.delivery == Delivery.LEASED && !queue.isEmpty();
    }

    /// A queue that is being made is there whole or not at all.
    private boolean playCreator(Stage stage) throws IOException, InterruptedException {
        var file = folder.resolve("queue");
        boolean come = letCome(stage);
        if (fate == Fate.STOPPED_AND_KILLED && come) {
            use(file);
            stage.process.destroyForcibly();
            awaitDeath(stage);
        } else if (fate == Fate.CONTINUED && come) {
            boolean made = use(file);
            Signals.resume(stage.process);
            while (!ended) {
                try {
                    isOver(stage);
                } catch (AssertionError e) {
                    check(made && e.toString().contains("exists already"), e.toString());
                    ended = false;
                }
                Thread.sleep(1);
            }
        }
        use(file);
        use(file);
        return come;
    }

    /// Uses the queue, and makes it if it is not there. Returns whether it made it.
    private boolean use(Path file) {
        boolean missing = false;
        LaneQueue opened;
        try {
            opened = LaneQueue.open(file);
        } catch (QueueUnavailableException e) {
            check(e.getMessage().contains("no queue at"), e.toString());
            missing = true;
            opened = LaneQueue.create(file, GEOMETRY, LABEL);
        } catch (QueueException e) {
            throw new AssertionError(e);
        }
        try (var queue = opened;
                var producer = queue.newProducer();
                var consumer = queue.newConsumer(Delivery.SHARED)) {
            check(queue.label().equals(LABEL) && queue.geometry().equals(GEOMETRY), "another queue: " + queue);
            for (int i = 0; i < 100; i++) {
                check(producer.tryPut(buffer, 0, i), "no room");
                check(consumer.tryGet(buffer) == i, "another message");
            }
        }
        return missing;
    }

    private static void check(boolean right, String otherwise) {
        if (!right) throw new AssertionError(otherwise);
    }

    @Override
    public String toString() {
        return role + " " + state + " before " + name + ", hit " + hit + ", " + fate + " (seed " + seed + ", slack "
                + slack + ")";
    }
}
