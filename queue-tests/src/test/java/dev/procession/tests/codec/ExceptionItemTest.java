package dev.procession.tests.codec;

import static dev.procession.tests.codec.RoundTrip.encode;
import static dev.procession.tests.codec.RoundTrip.through;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.Codec;
import dev.procession.SharedQueue;
import dev.procession.StandInException;
import dev.procession.Worker;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;

/// A throwable is an item like any other if its class is allowed.
@SuppressWarnings("serial") // fields need not be Serializable
class ExceptionItemTest {
    static class OrderFailed extends Exception {
        private static final long serialVersionUID = 1;

        private final int order;
        private final transient List<Object> details = new ArrayList<>();
        private final Map<String, Integer> stock;

        OrderFailed(String message, Throwable cause, int order) {
            super(message, cause);
            this.order = order;
            this.stock = Map.of("apples", order);
        }
    }

    static final class Lean extends RuntimeException {
        private static final long serialVersionUID = 1;

        Lean() {
            super("lean", null, false, false);
        }
    }

    static final class Silent extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final String code = "E7";

        @Override
        public String getMessage() {
            return "code " + code;
        }

        @Override
        public int hashCode() {
            return code.hashCode();
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Silent silent && silent.code.equals(code);
        }
    }

    static final class Holder extends Exception {
        private static final long serialVersionUID = 1;
        final Thread thread = Thread.currentThread();
    }

    private static final Codec<Object> CODEC =
            Codec.object(OrderFailed.class, Lean.class, Silent.class, IOException.class,
                    IllegalStateException.class, NoSuchFileException.class, UncheckedIOException.class,
                    ExecutionException.class,
                    InvocationTargetException.class, ClassNotFoundException.class, ExceptionInInitializerError.class,
                    StackOverflowError.class, DateTimeParseException.class);

    private static String printed(Throwable throwable) {
        StringWriter text = new StringWriter();
        throwable.printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    @Test
    void itArrivesWithMessageCauseSuppressedStackTraceAndFields() throws Exception {
        OrderFailed failed = new OrderFailed("no apples", new IOException("disk", new IllegalStateException()), 7);
        failed.addSuppressed(new IllegalStateException("while closing"));
        OrderFailed back = (OrderFailed) through(CODEC, failed);
        assertEquals(printed(failed), printed(back));
        assertArrayEquals(failed.getStackTrace(), back.getStackTrace());
        assertEquals(7, back.order);
        assertEquals(Map.of("apples", 7), back.stock);
        assertNull(back.details, "transient");
        assertEquals(IOException.class, back.getCause().getClass());
        back.addSuppressed(new IllegalStateException("later"));
        assertEquals(2, back.getSuppressed().length);
    }

    @Test
    void exceptionsOfTheJdkArriveWithTheirFields() throws Exception {
        Throwable inner = new IOException("inner");
        for (Throwable each : List.of(new NoSuchFileException("/a", "/b", "gone"),
                new UncheckedIOException((IOException) inner),
                new ExecutionException(inner), new InvocationTargetException(inner),
                new ClassNotFoundException("x", inner),
                new ExceptionInInitializerError(inner), new ExceptionInInitializerError("why"),
                new StackOverflowError(),
                new DateTimeParseException("bad", "2025-13-01", 5), new IllegalStateException((String) null))) {
            Throwable back = (Throwable) through(CODEC, each);
            assertEquals(printed(each), printed(back));
            assertSame(each.getClass(), back.getClass());
        }
        NoSuchFileException file = (NoSuchFileException) through(CODEC, new NoSuchFileException("/a", "/b", "gone"));
        assertEquals("/a /b gone", file.getFile() + " " + file.getOtherFile() + " " + file.getReason());
        assertEquals(5,
                ((DateTimeParseException) through(CODEC, new DateTimeParseException("bad", "x", 5))).getErrorIndex());
    }

    @Test
    void whatAnExceptionHasSwitchedOffStaysOff() throws Exception {
        Lean back = (Lean) through(CODEC, new Lean());
        assertEquals(0, back.getStackTrace().length);
        back.addSuppressed(new IOException());
        assertEquals(0, back.getSuppressed().length);
        assertThrows(IllegalStateException.class, () -> back.initCause(new IOException()));
        Throwable open = (Throwable) through(CODEC, new IllegalStateException("cause to come"));
        open.initCause(new IOException("late"));
        assertEquals("late", open.getCause().getMessage());
    }

    @Test
    void oneExceptionInSeveralPlacesArrivesAsOneAndCirclesAreKept() throws Exception {
        IllegalStateException one = new IllegalStateException("one");
        IOException two = new IOException("two", one);
        one.addSuppressed(two);
        List<?> back = (List<?>) through(CODEC, List.of(one, two, new Object[] {one}, Map.of(new Silent(), two)));
        assertSame(back.get(0), ((Throwable) back.get(1)).getCause());
        assertSame(back.get(1), ((Throwable) back.get(0)).getSuppressed()[0]);
        assertSame(back.get(0), ((Object[]) back.get(2))[0]);
        assertSame(back.get(1), ((Map<?, ?>) back.get(3)).get(new Silent()));
    }

    @Test
    void aCauseThatIsNotListedArrivesAsAStandInThatPrintsLikeIt() throws Exception {
        FileNotFoundException unlisted = new FileNotFoundException("inner");
        unlisted.initCause(new OrderFailed("listed", new ArithmeticException("deepest"), 3));
        unlisted.addSuppressed(new NumberFormatException("suppressed"));
        for (Throwable outer : List.of(new OrderFailed("outer", unlisted, 1), new IOException(unlisted),
                new InvocationTargetException(unlisted))) {
            outer.addSuppressed(unlisted);
            Throwable back = (Throwable) through(CODEC, outer);
            assertEquals(printed(outer), printed(back));
            StandInException standIn = (StandInException) back.getCause();
            assertEquals("java.io.FileNotFoundException", standIn.className());
            assertEquals("inner", standIn.getMessage());
            assertSame(standIn, back.getSuppressed()[0]);
            assertEquals(3, ((OrderFailed) standIn.getCause()).order);
            assertEquals(printed(outer), printed((Throwable) through(CODEC, back)), "and may travel on");
        }
    }

    @Test
    void circlesOfUnlistedCausesArriveAsCircles() throws Exception {
        Exception a = new ArithmeticException("a");
        Exception b = new NumberFormatException("b");
        a.initCause(b);
        b.initCause(a);
        Throwable back = (Throwable) through(CODEC, new IOException(a));
        assertSame(back.getCause(), back.getCause().getCause().getCause());
    }

    @Test
    void anUnlistedOneElsewhereFailsInThePuttingCallerAndIsNamed() {
        for (Object item : List.of(new ArithmeticException(), List.of(new ArithmeticException()))) {
            IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> encode(CODEC, item));
            assertTrue(e.getMessage().contains("ArithmeticException is not allowed: add it to the list"),
                    e.getMessage());
        }
    }

    @Test
    void aCauseThatAStandInCannotReplaceFailsInThePuttingCallerAndIsNamed() {
        // its getCause() returns an IOException
        UncheckedIOException strict = new UncheckedIOException(new FileNotFoundException());
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> encode(CODEC, strict));
        assertTrue(e.getMessage().contains("FileNotFoundException is not allowed: add it to the list"), e.getMessage());
        assertTrue(e.getMessage().contains("cause (java.io.UncheckedIOException"), e.getMessage());
    }

    @Test
    void aFieldOfAnExceptionThatCannotTravelIsNamed() {
        assertTrue(assertThrows(IllegalArgumentException.class, () -> Codec.object(Thread.class)).getMessage()
                .contains("JDK"));
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class,
                () -> encode(Codec.<Object>object(Holder.class), new Holder()));
        assertTrue(e.getMessage().contains("java.lang.Thread"), e.getMessage());
        assertTrue(e.getMessage().contains("thread (" + Holder.class.getName()), e.getMessage());
    }

    @Test
    void anExceptionOfAnInnerClassIsRefusedWhenTheCodecIsMade() {
        class Inner extends Exception {
            private static final long serialVersionUID = 1;

            ExceptionItemTest outer() {
                return ExceptionItemTest.this;
            }
        }
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> Codec.object(Inner.class));
        assertTrue(e.getMessage().contains("make it static"), e.getMessage());
        assertEquals(this, new Inner().outer());
    }

    @Test
    void aWorkerPutsWhatItCaughtAndItsParentThrowsIt() throws Exception {
        try (SharedQueue<Object> results = SharedQueue.create(CODEC)) {
            Worker worker = Worker.of(() -> {
                try {
                    throw new OrderFailed("in the worker", new FileNotFoundException("/x"), 9);
                } catch (OrderFailed e) {
                    results.put(e);
                    results.put(printed(e));
                }
            });
            worker.start();
            OrderFailed failed = (OrderFailed) results.get(Duration.ofSeconds(50));
            assertEquals(results.get(Duration.ofSeconds(50)), printed(failed));
            assertEquals(9, failed.order);
            assertTrue(worker.join(Duration.ofSeconds(50)));
        }
    }
}
