package dev.procession.tests.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.procession.tests.cli.Command.Ended;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// `procession example`: the article's four programs.
class ExampleTest {
    private static final Pattern HELLO = Pattern.compile("\\[(\\d+)] Hello!");

    /// Runs an example; its first ten lines are hellos by ten different greeters, then comes "Done!".
    private static Ended run(String example, int lines) throws Exception {
        Ended ended = Command.run("example", example);
        assertEquals(0, ended.status(), ended::toString);
        assertEquals("", ended.stderr());
        assertEquals(lines, ended.lines().size(), ended::toString);
        assertEquals(10, greeters(ended).size(), ended::toString);
        assertEquals("Done!", ended.lines().get(10));
        return ended;
    }

    private static Set<Long> greeters(Ended ended) {
        return ended.lines().subList(0, 10).stream()
                .map(HELLO::matcher)
                .filter(Matcher::matches)
                .map(hello -> Long.valueOf(hello.group(1)))
                .collect(Collectors.toSet());
    }

    @Test
    void tenThreadsSayHello() throws Exception {
        Ended ended = run("hello-threads", 11);
        assertEquals(IntStream.range(0, 10).asLongStream().boxed().collect(Collectors.toSet()), greeters(ended));
    }

    @Test
    void tenProcessesSayHello() throws Exception {
        run("hello-processes", 11);
    }

    @Test
    void aListIsNotSharedByProcesses() throws Exception {
        Ended ended = run("unshared-list", 13);
        assertEquals(List.of("0", "[]"), ended.lines().subList(11, 13));
    }

    @Test
    void aQueueIsSharedByProcesses() throws Exception {
        Ended ended = run("shared-queue", 13);
        assertEquals("10", ended.lines().get(11));
        String list = ended.lines().get(12);
        assertTrue(list.matches("\\[\\d+(, \\d+){9}]"), list);
        Set<Long> pids = Stream.of(list.substring(1, list.length() - 1).split(", "))
                .map(Long::valueOf)
                .collect(Collectors.toSet());
        assertEquals(greeters(ended), pids);
    }
}
