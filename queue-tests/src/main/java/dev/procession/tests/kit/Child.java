package dev.procession.tests.kit;

import dev.procession.tests.jvm.Signals;
import dev.procession.tests.jvm.Weaver;
import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// Another JVM, which runs what its peers are told to until its standard input ends. It can be stopped,
/// continued and killed at any time.
public final class Child implements Peer.Host, AutoCloseable {
    /// What all children are started with.
    private static final List<String> FLAGS = List.of("--enable-native-access=ALL-UNNAMED", "-Xmx256m",
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=" + (System.getProperty("long") == null ? 1 : 4),
            "-XX:+DisplayVMOutputToStderr", "-XX:-UsePerfData", "-XX:-CreateCoredumpOnCrash");

    private record Request(long id, int peer, Peer.Action<?> action) implements Serializable {}

    private record Reply(long id, @Nullable Object value, @Nullable Throwable thrown) implements Serializable {}

    private static final Set<Child> ALIVE = ConcurrentHashMap.newKeySet();
    private static final Map<List<String>, Child> KEPT = new ConcurrentHashMap<>();
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> ALIVE.forEach(Child::kill)));
    }

    private final Process process;
    private final ObjectOutputStream requests;
    private final Map<Long, CompletableFuture<@Nullable Object>> waiting = new ConcurrentHashMap<>();
    private volatile boolean ending;
    private volatile boolean ended; // nobody reads its replies any more
    private long lastId;

    private Child(Process process) throws IOException {
        this.process = process;
        requests = new ObjectOutputStream(new BufferedOutputStream(process.getOutputStream()));
        requests.flush();
        ALIVE.add(this);
        Thread.ofPlatform().name("replies of " + process.pid()).daemon().start(this::readReplies);
    }

    /// Starts a child; what is asked of it before it has come up waits for it.
    public static Child start(String... flags) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(FLAGS);
        command.addAll(List.of(flags));
        try {
            command.addAll(List.of("-cp", Weaver.classPath(List.of(flags)), Child.class.getName()));
            return new Child(new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start());
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /// A child that tests share and that lives as long as this JVM, unless a test kills it; one for each `key` and set
    /// of flags.
    public static Child kept(String key, String... flags) {
        var id = new ArrayList<>(List.of(flags));
        id.add(key);
        return KEPT.compute(id, (unused, child) -> child != null && child.process.isAlive() ? child : start(flags));
    }

    /// Whether a process is a child that tests share.
    public static boolean isKept(long pid) {
        return KEPT.values().stream().anyMatch(child -> child.pid() == pid);
    }

    /// A new thread in this child.
    public Peer peer() {
        return new Peer(this, nextNumber());
    }

    static int nextNumber() {
        return NUMBERS.incrementAndGet();
    }

    public long pid() {
        return process.pid();
    }

    public Process process() {
        return process;
    }

    @Override
    public synchronized CompletableFuture<@Nullable Object> submit(int peer, Peer.Action<?> action) {
        var reply = new CompletableFuture<@Nullable Object>();
        long id = ++lastId;
        waiting.put(id, reply);
        try {
            requests.writeUnshared(new Request(id, peer, action));
            requests.reset();
            requests.flush();
        } catch (IOException e) {
            waiting.remove(id);
            reply.completeExceptionally(e);
        }
        if (ended) failAll();
        return reply;
    }

    @Override
    public void abandon(int peer) {
        kill();
    }

    private void readReplies() {
        try (var replies = new ObjectInputStream(process.getInputStream())) {
            while (!ending) {
                var reply = (Reply) replies.readUnshared();
                var future = waiting.remove(reply.id);
                if (future == null) continue;
                if (reply.thrown != null) future.completeExceptionally(reply.thrown);
                else future.complete(reply.value);
            }
        } catch (EOFException e) {
            // it was killed, or has ended
        } catch (IOException | ClassNotFoundException e) {
            if (!ending) e.printStackTrace();
        } finally {
            ended = true;
            failAll();
        }
    }

    private void failAll() {
        for (var id : waiting.keySet()) {
            var future = waiting.remove(id);
            if (future != null) future.completeExceptionally(new ChildDied(process.pid()));
        }
    }

    /// The child ended before it had answered.
    public static final class ChildDied extends RuntimeException {
        private static final long serialVersionUID = 1;

        ChildDied(long pid) {
            super("child died: pid=" + pid);
        }
    }

    /// SIGSTOP; returns when the child has stopped.
    public Child stop() {
        signal("STOP");
        return awaitStopped();
    }

    /// Waits for the child to have stopped itself.
    public Child awaitStopped() {
        Await.until("pid " + pid() + " is stopped", () -> state() == 'T');
        return this;
    }

    public boolean isStopped() {
        return process.isAlive() && state() == 'T';
    }

    /// SIGCONT.
    public void resume() {
        signal("CONT");
    }

    /// SIGKILL; returns when the child is gone.
    public void kill() {
        ending = true;
        process.destroyForcibly();
        awaitDeath();
    }

    /// Waits for the child to have ended, however it did.
    public void awaitDeath() {
        try {
            if (!process.waitFor(Peer.DEADLINE_SECONDS, TimeUnit.SECONDS))
                throw new AssertionError("still alive: pid=" + pid());
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        ALIVE.remove(this);
    }

    private void signal(String name) {
        try {
            int status = new ProcessBuilder("kill", "-" + name, Long.toString(pid())).inheritIO().start().waitFor();
            if (status != 0) throw new AssertionError("kill -" + name + " " + pid() + ": status " + status);
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /// The state letter of /proc/PID/stat.
    private char state() {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid() + "/stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2);
        } catch (IOException e) {
            throw new AssertionError("pid " + pid() + " is gone", e);
        }
    }

    /// Prints what every thread of this JVM is doing.
    public static void printThreads() {
        Thread.getAllStackTraces().forEach((thread, stack) -> {
            System.err.println(thread);
            for (var frame : stack) System.err.println("\tat " + frame);
        });
    }

    /// Prints what every thread of every child and of this JVM is doing.
    public static void dumpThreads() {
        printThreads();
        for (var child : ALIVE) {
            System.err.println("child " + child.pid());
            Signals.dump(child.process);
        }
    }

    /// Kills the child if it is still there.
    @Override
    public void close() {
        kill();
    }

    /// The child's side: dispatches requests to its peers.
    public static void main(String[] args) throws Exception {
        var replies = new ObjectOutputStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out)));
        replies.flush();
        System.setOut(System.err);
        var peers = new Peer.Threads();
        try (var requests = new ObjectInputStream(System.in)) {
            while (true) {
                var request = (Request) requests.readUnshared();
                peers.submit(request.peer, request.action)
                        .whenComplete((value, thrown) -> reply(replies, new Reply(request.id, value, thrown)));
            }
        } catch (EOFException e) {
            Runtime.getRuntime().halt(0);
        } catch (Throwable e) {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private static void reply(ObjectOutputStream replies, Reply reply) {
        synchronized (replies) {
            try {
                replies.writeUnshared(reply);
                replies.reset();
                replies.flush();
            } catch (IOException e) {
                e.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
        }
    }
}
