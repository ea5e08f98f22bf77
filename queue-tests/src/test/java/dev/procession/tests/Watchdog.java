package dev.procession.tests;

import dev.procession.tests.jvm.Signals;
import dev.procession.tests.kit.Child;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.DynamicTestInvocationContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.InvocationInterceptor;
import org.junit.jupiter.api.extension.ReflectiveInvocationContext;

/// No test takes longer than [#SECONDS], with its set-up and what cleans up behind it: one that does has failed, as a
/// hang, whatever it waits for, and the next one runs. (If others keep the machine busy, it has more time, up to four
/// times as much.)
///
/// All of a test runs on one thread that JUnit's own thread waits for, because a Producer belongs to a thread. When the
/// time is over, the stacks of all threads are printed, those of other JVMs too, and all processes that tests have
/// started are killed: most tests wait for one of them, and so come to their end by themselves. A thread that does not
/// is left alone, and the next test gets a new one.
///
/// A test class that leaves processes behind has failed too.
public final class Watchdog implements InvocationInterceptor, AfterAllCallback {
    /// Of a test. In the long run they have more, and in a test of this class less.
    static final long SECONDS = Long.getLong("dev.procession.tests.deadline", Effort.of(50, 1500));
    private static final int EXTENSIONS = System.getProperty("dev.procession.tests.deadline") == null ? 3 : 0;
    /// What a test has to clean up behind itself when its time was over.
    private static final long GRACE_SECONDS = Math.min(3, SECONDS);

    private static final Namespace NAMESPACE = Namespace.create(Watchdog.class);

    /// What runs in the background is often told to ignore these signals, and whatever it starts ignores them too.
    /// Tests of what a signal does start processes to which it does that.
    static {
        for (int signal : new int[] {1, 2, 15}) Signals.restore(signal); // SIGHUP, SIGINT, SIGTERM
    }

    /// JUnit may run several tests at a time, each on a thread of its own.
    private static final ThreadLocal<Runner> RUNNERS = ThreadLocal.withInitial(Runner::new);

    /// The thread on which one test after the other runs, until one hangs.
    private static final class Runner {
        private final LinkedBlockingQueue<Runnable> steps = new LinkedBlockingQueue<>();
        private final Thread thread = Thread.ofPlatform().name("tests").daemon().start(this::run);
        private volatile boolean abandoned;

        private void run() {
            try {
                while (!abandoned) steps.take().run();
            } catch (InterruptedException _) { // by a hang that came to its end just then
                abandoned = true;
            }
        }

        <T> CompletableFuture<T> start(InvocationInterceptor.Invocation<T> step) {
            var result = new CompletableFuture<T>();
            steps.add(() -> {
                try {
                    result.complete(step.proceed());
                } catch (Throwable thrown) {
                    result.completeExceptionally(thrown);
                }
            });
            return result;
        }
    }

    /// When the time of a test, or of what is done once for a class, is over.
    private static final class Deadline {
        private long at = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);

        private int extensions = EXTENSIONS;

        /// While others make most of the machine's processors busy, a test that is slow may be none that hangs.
        boolean mayBeExtended() throws IOException, InterruptedException {
            if (extensions == 0 || Descendants.shareOfOthers() < 0.5) return false;
            extensions--;
            at += TimeUnit.SECONDS.toNanos(SECONDS);
            return true;
        }

        long left() {
            return at - System.nanoTime();
        }

        void grace() {
            at = System.nanoTime() + TimeUnit.SECONDS.toNanos(GRACE_SECONDS);
        }
    }

    private static <T extends @Nullable Object> T watch(String what, Deadline deadline, Invocation<T> step)
            throws Throwable {
        var runner = RUNNERS.get();
        var result = runner.start(step);
        try {
            while (true) {
                try {
                    return result.get(Math.max(0, deadline.left()), TimeUnit.NANOSECONDS);
                } catch (TimeoutException e) {
                    if (!deadline.mayBeExtended()) throw hang(what, runner, result);
                }
            }
        } catch (ExecutionException e) {
            throw e.getCause();
        } catch (InterruptedException e) {
            throw hang(what, runner, result);
        } finally {
            if (deadline.left() < TimeUnit.SECONDS.toNanos(GRACE_SECONDS)) deadline.grace();
        }
    }

    private static AssertionError hang(String what, Runner runner, CompletableFuture<?> result) {
        var hang = new AssertionError("hangs: " + what + " has not ended within " + SECONDS
                + " s. Here is where it was; the stacks of all threads are in the output");
        hang.setStackTrace(runner.thread.getStackTrace());
        System.err.println("hangs: " + what);
        Child.printThreads();
        try {
            Descendants.dumpThreads();
        } catch (IOException | InterruptedException e) {
            hang.addSuppressed(e);
        }
        Descendants.killAll();
        runner.abandoned = true;
        RUNNERS.remove();
        runner.thread.interrupt();
        try {
            result.get(GRACE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException | CompletionException e) {
            hang.addSuppressed(e.getCause());
        } catch (InterruptedException | TimeoutException e) {
            System.err.println("its thread hangs on: " + what);
        }
        return hang;
    }

    private static <T extends @Nullable Object> T watch(Invocation<T> step, ExtensionContext context) throws Throwable {
        // one deadline for each test, and one for each class
        var deadline = context.getStore(NAMESPACE).computeIfAbsent(context.getUniqueId(), unused -> new Deadline(),
                Deadline.class);
        String name = context.getTestMethod().isEmpty() ? context.getRequiredTestClass().getName()
                : context.getRequiredTestClass().getName() + "." + context.getRequiredTestMethod().getName() + " "
                        + context.getDisplayName();
        return watch(name, deadline, step);
    }

    /// A test's own, unless one instance serves a whole class.
    @Override
    public ExtensionContextScope getTestInstantiationExtensionContextScope(ExtensionContext root) {
        return ExtensionContextScope.TEST_METHOD;
    }

    @Override
    public <T> T interceptTestClassConstructor(Invocation<T> step,
            ReflectiveInvocationContext<Constructor<T>> constructor,
            ExtensionContext context) throws Throwable {
        return watch(step, context);
    }

    @Override
    public void interceptBeforeAllMethod(Invocation<@Nullable Void> step, ReflectiveInvocationContext<Method> method,
            ExtensionContext context) throws Throwable {
        watch(step, context);
    }

    @Override
    public void interceptBeforeEachMethod(Invocation<@Nullable Void> step, ReflectiveInvocationContext<Method> method,
            ExtensionContext context) throws Throwable {
        watch(step, context);
    }

    @Override
    public void interceptTestMethod(Invocation<@Nullable Void> step, ReflectiveInvocationContext<Method> method,
            ExtensionContext context) throws Throwable {
        watch(step, context);
    }

    @Override
    public <T> T interceptTestFactoryMethod(Invocation<T> step, ReflectiveInvocationContext<Method> method,
            ExtensionContext context) throws Throwable {
        return watch(step, context);
    }

    @Override
    public void interceptTestTemplateMethod(Invocation<@Nullable Void> step,
            ReflectiveInvocationContext<Method> method,
            ExtensionContext context) throws Throwable {
        watch(step, context);
    }

    @Override
    public void interceptDynamicTest(Invocation<@Nullable Void> step, DynamicTestInvocationContext test,
            ExtensionContext context) throws Throwable {
        watch(step, context);
    }

    @Override
    public void interceptAfterEachMethod(Invocation<@Nullable Void> step, ReflectiveInvocationContext<Method> method,
            ExtensionContext context) throws Throwable {
        watch(step, context);
    }

    @Override
    public void interceptAfterAllMethod(Invocation<@Nullable Void> step, ReflectiveInvocationContext<Method> method,
            ExtensionContext context) throws Throwable {
        // what has been done once before the class is long over
        watch(context.getRequiredTestClass().getName(), new Deadline(), step);
    }

    @Override
    public void afterAll(ExtensionContext context) throws InterruptedException {
        var left = Descendants.leftBehind();
        if (left.isEmpty()) return;
        Descendants.killAll();
        throw new AssertionError(context.getRequiredTestClass().getName() + " leaves processes behind:\n"
                + String.join("\n", left));
    }
}
