package dev.procession.tests.view;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.collect.testing.QueueTestSuiteBuilder;
import com.google.common.collect.testing.TestStringQueueGenerator;
import com.google.common.collect.testing.features.CollectionFeature;
import com.google.common.collect.testing.features.CollectionSize;
import com.google.common.collect.testing.testers.CollectionRemoveAllTester;
import com.google.common.collect.testing.testers.CollectionRemoveIfTester;
import com.google.common.collect.testing.testers.CollectionRemoveTester;
import com.google.common.collect.testing.testers.CollectionRetainAllTester;
import dev.procession.Codec;
import dev.procession.QueueOptions;
import dev.procession.SharedQueue;
import java.lang.reflect.Method;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.Queue;
import java.util.stream.Stream;
import junit.framework.Test;
import junit.framework.TestFailure;
import junit.framework.TestResult;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Guava's tests of queues, as far as ours can do what they ask: no null, and nothing removed but from the head.
class GuavaQueueTest {
    @ParameterizedTest
    @EnumSource
    void itPassesWhatGuavaAsksOfAQueue(Kind kind) {
        try (SharedQueue<String> queue = SharedQueue.create(kind == Kind.EXCLUSIVE ? Codec.object() : Codec.utf8(),
                kind.options(QueueOptions.DEFAULT))) {
            var result = new TestResult();
            suite(queue.asBlockingQueue()).run(result);
            assertEquals(List.of(), Stream.concat(failures(result.failures()), failures(result.errors())).toList());
            assertTrue(result.runCount() > 100, result.runCount() + " tests");
        }
    }

    private static Stream<String> failures(Enumeration<TestFailure> failures) {
        return Collections.list(failures).stream().map(failure -> failure + "\n" + failure.trace());
    }

    /// Each test begins with the elements that it wants.
    private static Test suite(Queue<String> queue) {
        return QueueTestSuiteBuilder.using(new TestStringQueueGenerator() {
            @Override
            protected Queue<String> create(String[] elements) {
                queue.clear();
                Collections.addAll(queue, elements);
                return queue;
            }
        }).named("view").withFeatures(CollectionSize.ANY, CollectionFeature.KNOWN_ORDER, CollectionFeature.SUPPORTS_ADD,
                CollectionFeature.SUPPORTS_REMOVE).suppressing(removals()).createTestSuite();
    }

    /// What removes from elsewhere than the head.
    private static List<Method> removals() {
        var testers = List.<Class<?>>of(CollectionRemoveTester.class, CollectionRemoveAllTester.class,
                CollectionRetainAllTester.class, CollectionRemoveIfTester.class);
        return testers.stream().flatMap(tester -> Stream.of(tester.getMethods())).toList();
    }
}
