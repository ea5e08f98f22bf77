package dev.procession.core;

import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/// Lets a test stop or kill its own process right before a chosen step on shared memory. Off unless the system property
/// `dev.procession.points` is set when the JVM starts, and then compiled away.
///
/// The property is `NAME:HIT:ACTION`. A step's name is the method that makes it and the access that it makes, such as
/// `Producer.publish/setRelease`; HIT counts from 1; ACTION is `stop`, `kill`, `list` (print every new name), or `call`
/// (run what a test has set, before each step of whatever name).
final class Points {
    static final boolean ENABLED = System.getProperty("dev.procession.points") != null;

    private static final String[] SPEC =
            System.getProperty("dev.procession.points", "::").split(":", 3);
    private static final StackWalker STACK = StackWalker.getInstance();
    private static final AtomicInteger HITS = new AtomicInteger();
    private static final Set<String> NAMES = java.util.concurrent.ConcurrentHashMap.newKeySet();

    private static volatile Runnable call = () -> {}; // a test changes it

    private Points() {}

    static void step(String access) {
        if (SPEC[2].equals("call")) {
            call.run();
            return;
        }
        String name = STACK.walk(frames -> frames.skip(2)
                .findFirst()
                .map(f -> f.getClassName().substring(f.getClassName().lastIndexOf('.') + 1) + "." + f.getMethodName())
                .orElseThrow())
                + "/" + access;
        if (SPEC[2].equals("list")) {
            if (NAMES.add(name)) System.out.println("point " + name);
        } else if (name.equals(SPEC[0]) && HITS.incrementAndGet() == Integer.parseInt(SPEC[1])) {
            Platform.CURRENT.signalSelf(SPEC[2].equals("stop"));
        }
    }
}
