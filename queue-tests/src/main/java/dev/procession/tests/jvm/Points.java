package dev.procession.tests.jvm;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/// What a process does before its steps on shared memory, if it is started with [#OPTION]: it runs with the classes of
/// [Weaver], which call this before each. Without the option, nothing calls it.
public final class Points {
    private static final String PROPERTY = "dev.procession.tests.points";

    /// The option for a JVM, behind which comes `NAME:HIT:ACTION`. A step's name is the method that makes it and the
    /// access that it makes, such as `LaneWriter.publish/setRelease`; HIT counts from 1; ACTION is `stop`, `kill`, or
    /// `list` (print every new name). `::` does nothing until the process itself says what.
    public static final String OPTION = "-D" + PROPERTY + "=";

    private static final int SIGKILL = 9, SIGSTOP = 19; // on x86 and ARM

    /// Has the shape of the library's own system calls, which is linked already: another one would cost each process
    /// that is going to be killed a tenth of its start. What is passed in too many registers is ignored.
    @SuppressWarnings("restricted")
    private static final MethodHandle RAISE = Linker.nativeLinker()
            .downcallHandle(
                    Linker.nativeLinker().defaultLookup().findOrThrow("raise"),
                    FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                            JAVA_LONG),
                    Linker.Option.captureCallState("errno"));
    private static final MemorySegment ERRNO = Arena.ofAuto().allocate(Linker.Option.captureStateLayout());
    private static final StackWalker STACK = StackWalker.getInstance();

    private record Order(String name, String hit, String action) {}

    private static final AtomicInteger HITS = new AtomicInteger();
    private static final Set<String> NAMES = ConcurrentHashMap.newKeySet();
    private static volatile Order order;
    private static volatile @Nullable Runnable each;

    static {
        String[] words = System.getProperty(PROPERTY, "::").split(":", 3);
        order = new Order(words[0], words[1], words[2]);
    }

    private Points() {}

    /// From now on the step of that name, when it is made for that many-th time, is not made before the action is.
    public static void arm(String name, String hit, String action) {
        HITS.set(0);
        NAMES.clear();
        order = new Order(name, hit, action);
    }

    /// From now on this is run before each step of whatever name, and nothing else is done there.
    public static void atEach(Runnable run) {
        each = run;
    }

    /// Called before each step, by the method that makes the access, which has that name.
    public static void step(String access) {
        step(access, 4);
    }

    /// Called before each call of the system, which has that name, by the method that makes it.
    public static void ask(String call) {
        step(call, 3);
    }

    /// @param frames how many there are from [#name] to the one after which the step is called
    private static void step(String access, int frames) {
        var run = each;
        var order = Points.order;
        if (run != null) {
            run.run();
        } else if (order.action.equals("list")) {
            String name = name(access, frames);
            if (NAMES.add(name)) System.out.println("point " + name);
        } else
            if (!order.action.isEmpty() && order.name.equals(name(access, frames))
                    && HITS.incrementAndGet() == Integer.parseInt(order.hit)) {
                        raise(order.action.equals("stop") ? SIGSTOP : SIGKILL);
                    }
    }

    private static String name(String access, int before) {
        return STACK.walk(frames -> frames.skip(before)
                .findFirst()
                .map(f -> f.getClassName().substring(f.getClassName().lastIndexOf('.') + 1) + "." + f.getMethodName())
                .orElseThrow())
                + "/" + access;
    }

    /// To this very thread, so that it gets no further.
    private static void raise(int signal) {
        try {
            int status = (int) (long) RAISE.invokeExact(ERRNO, (long) signal, 0L, 0L, 0L, 0L, 0L, 0L);
            if (status != 0) throw new AssertionError("raise: status " + status);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }
}
