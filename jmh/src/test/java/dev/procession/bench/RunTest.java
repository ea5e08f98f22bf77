package dev.procession.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What may be quoted, and what is shown of a run, on results made by hand.
class RunTest {
    private static final Work WORK = Work.throughput(1, 1, 16);

    @TempDir
    private Path folder;

    // ---- what may be quoted

    @Test
    void roundsThatAgreeAreANumber() {
        Result result = result("procession", 40, 41, 42, 48, 49);

        assertEquals(Result.Quote.NUMBER, result.quote());
        assertEquals("42.0", result.text());
        assertEquals("42.0 [41.0–48.0]", result.textWithQuartiles());
    }

    @Test
    void roundsThatDifferByMoreThanAQuarterAreTheRangeOfTheirMiddleHalf() {
        Result result = result("procession", 30, 40, 42, 51, 90);

        assertEquals(Result.Quote.RANGE, result.quote());
        assertEquals("40.0–51.0", result.text());
        assertEquals("40.0–51.0", result.textWithQuartiles());
    }

    @Test
    void roundsThatDifferByMoreThanAFactorOfTwoAreLeftOut() {
        Result result = result("procession", 30, 40, 42, 81, 90);

        assertEquals(Result.Quote.DISAGREES, result.quote());
        assertEquals("—", result.text());
        assertFalse(result.isShown());
    }

    @Test
    void fewerThanFiveRoundsAreLeftOut() {
        assertEquals(Result.Quote.TOO_FEW, result("procession", 40, 40, 40, 40).quote());
        Result disturbed = result("procession", 40, 40, 40, 40, 40);
        leaveOut(disturbed, 2);
        assertEquals(Result.Quote.TOO_FEW, disturbed.quote());
        assertEquals("—", disturbed.text());
    }

    /// A difference may be 0, which no factor reaches.
    @Test
    void whatMayBeZeroIsAtLeastARange() {
        Work lanes = new Work(Work.Kind.IDLE_LANES, 1, 1, 16, Work.Content.BYTES, 0);
        var result = new Result(lanes, "idle lane, put", "procession", samples(-0.02, -0.01, 0, 0.01, 0.02));

        assertEquals(Result.Quote.RANGE, result.quote());
        assertEquals("-0.0100–0.0100", result.text());
    }

    @Test
    void aRatioIsTakenRoundByRound() {
        // The medians are 40 and 10; but in each round it was 4 times as much, or 2, or 4.
        Result ours = result("procession", 40, 80, 20, 40, 40);
        Result theirs = result("pipe", 10, 40, 5, 10, 10);

        assertEquals(List.of(4.0, 2.0, 4.0, 4.0, 4.0),
                DoubleStream.of(ours.ratioTo(theirs).rounds()).boxed().toList());
    }

    /// What moves both alike leaves their ratio as it is.
    @Test
    void aRatioMayBeQuotedThoughItsFiguresMayNot() {
        Result ours = result("procession", 41, 41, 41, 123, 123, 123);
        Result theirs = result("agrona-many-to-one", 10, 10, 10, 30, 30, 30);

        assertEquals(Result.Quote.DISAGREES, ours.quote());
        assertEquals("4.10", ours.ratioTo(theirs).text());
        assertEquals(Goals.Verdict.MET, firstGoal(ours, theirs).verdict());
    }

    @Test
    void aRatioHasTheRoundsInWhichBothCount() {
        Result ours = result("procession", 41, 1, 41, 41, 41, 41, 41);
        Result theirs = result("agrona-many-to-one", 10, 10, 10, 99, 10, 10, 10);
        leaveOut(ours, 1);
        leaveOut(theirs, 3);
        theirs.samples().remove(0); // it is the round that says what belongs together

        Result ratio = ours.ratioTo(theirs);

        assertEquals(List.of(4.1, 4.1, 4.1, 4.1), DoubleStream.of(ratio.rounds()).boxed().toList());
        assertEquals(Result.Quote.TOO_FEW, ratio.quote());
    }

    @Test
    void anAdvantageIsAboveOneForTheFasterOneOfTimes() {
        assertEquals(2, roundTrip("procession", 50).advantageOver(roundTrip("pipe", 100)).median());
        assertEquals(2, result("procession", 100).advantageOver(result("pipe", 50)).median());
    }

    // ---- when it is enough

    @Test
    void aWorkIsSettledWhenAllItsFiguresAreNumbers() {
        Result ours = result("procession", 40, 40, 40, 40, 40);
        Result range = result("pipe", 10, 10, 10, 14, 14);
        Result few = result("pipe", 10, 10, 10, 10);
        Result other = roundTrip("procession", 1, 100);

        assertTrue(run(ours, result("pipe", 10, 10, 10, 10, 10), other).isSettled(WORK));
        assertFalse(run(ours, range).isSettled(WORK));
        assertFalse(run(ours, few).isSettled(WORK));
    }

    @Test
    void aWorkIsSettledInEachStateOfTheCoresThatOccurs() {
        Result ours = result("procession", 40, 40, 40, 40, 40, 20, 20, 20, 20, 20);
        farFrom(5, ours);

        assertTrue(new Run(Map.of(), NEAR_AND_FAR, List.of(ours)).isSettled(WORK));
        leaveOut(ours, 7);
        assertFalse(new Run(Map.of(), NEAR_AND_FAR, List.of(ours)).isSettled(WORK), "four rounds with far cores");
    }

    @Test
    void higherPercentilesDoNotKeepAWorkFromBeingSettled() {
        Result p50 = roundTrip("procession", 90, 90, 90, 90, 90);
        var max = new Result(p50.work(), "round trip max", "procession", samples(1, 10, 100, 1000, 10000));

        assertTrue(run(p50, max).isSettled(p50.work()));
    }

    // ---- states of the cores

    @Test
    void figuresAreGivenForEachStateOfTheCores() {
        Result ours = result("procession", 100, 90, 110, 100, 100, 100, 20, 20, 20, 20, 20, 50, 1);
        Result theirs = result("agrona-many-to-one", 50, 45, 55, 50, 50, 50, 5, 5, 5, 5, 5, 5, 1);
        for (Result each : List.of(ours, theirs)) {
            farFrom(6, each);
            lines(each, 11, 110, 372);
        }
        leaveOut(ours, 12);

        List<Run> states = new Run(Map.of(), NEAR_AND_FAR, List.of(ours, theirs)).byState();

        assertEquals(2, states.size());
        Run near = states.getFirst(); // more samples
        Run far = states.getLast();
        assertEquals("100", text(near, "procession"));
        assertEquals("50.0", text(near, "agrona-many-to-one"));
        assertEquals("20.0", text(far, "procession"));
        assertEquals("5.00", text(far, "agrona-many-to-one"));
        assertEquals("near", near.state());
        assertEquals("far", far.state());
        assertEquals(
                "26 taken; left out: 1 disturbed by other load, 2 while the cores moved; 12 count, with near cores",
                near.environment().get(Run.SAMPLES));
    }

    @Test
    void theGoalIsThatOfTheStateOfTheCores() {
        int kib = 1024;
        Result ours = new Result(Work.throughput(1, 1, kib), "throughput 1P1C", "procession",
                samples(14, 14, 14, 14, 14, 14, 14, 14, 14, 14));
        Result theirs = new Result(Work.throughput(1, 1, kib), "throughput 1P1C", "agrona-many-to-one",
                samples(10, 10, 10, 10, 10, 10, 10, 10, 10, 10));
        farFrom(5, ours);
        farFrom(5, theirs);

        for (Run state : new Run(Map.of(), NEAR_AND_FAR, List.of(ours, theirs)).byState()) {
            Goals.Reached reached = goal("1P1C, 1 KiB", state);
            boolean isFar = state.state().equals("far");
            assertEquals(isFar ? "≥ 1.5x" : "≥ 1.2x", reached.wanted());
            assertEquals(isFar ? Goals.Verdict.MISSED : Goals.Verdict.MET, reached.verdict());
        }
    }

    // ---- goals

    @Test
    void aGoalIsMetOrMissedOrOpenByTheMiddleHalfOfItsRounds() {
        Result theirs = result("agrona-many-to-one", 10, 10, 10, 10, 10);

        assertEquals(Goals.Verdict.MET, firstGoal(result("procession", 25, 25, 26, 30, 30), theirs).verdict());
        Goals.Reached missed = firstGoal(result("procession", 24, 24, 24, 24, 24), theirs);
        assertEquals(Goals.Verdict.MISSED, missed.verdict());
        assertEquals("2.40x", missed.text());
        assertEquals(Goals.Verdict.OPEN, firstGoal(result("procession", 20, 24, 26, 26, 30), theirs).verdict());
    }

    @Test
    void aGoalWithoutARatioThatMayBeQuotedIsLeftOut() {
        Result theirs = result("agrona-many-to-one", 10, 10, 10, 10, 10);

        assertEquals(Goals.Verdict.NOT_MEASURED, firstGoal(theirs).verdict());
        assertEquals(Goals.Verdict.LEFT_OUT, firstGoal(result("procession", 41, 41, 41, 41), theirs).verdict());
        assertEquals(Goals.Verdict.LEFT_OUT, firstGoal(result("procession", 41, 41, 41, 90, 90), theirs).verdict());
    }

    @Test
    void aGoalForATimeIsMetFromBelow() {
        Result peer = roundTrip("agrona-one-to-one", 100, 100, 100, 100, 100);
        String name = "round trip p50, spinning";

        assertEquals(Goals.Verdict.MET, goal(name, run(roundTrip("procession", 99, 99, 99, 99, 99), peer)).verdict());
        assertEquals(Goals.Verdict.MISSED,
                goal(name, run(roundTrip("procession", 101, 101, 101, 101, 101), peer)).verdict());
    }

    @Test
    void aRoundTripIsComparedWithTheBareLineOfItsRound() {
        Goals.Reached reached = goal("round trip p50, spinning, to a bare line",
                run(roundTrip("procession", 121, 121, 121, 121, 121)));

        assertEquals("1.10x", reached.text()); // the line of these samples takes 110 ns
        assertEquals(Goals.Verdict.MET, reached.verdict());
    }

    // ---- files

    @Test
    void readBackFromItsFileARunIsTheSame() throws IOException {
        Run run = ofEverything();
        leaveOut(run.results().getFirst(), 1);
        Path file = folder.resolve("run.json");

        run.write(file);

        assertTrue(run.equals(Run.read(file)), "not the same"); // too long to be printed
    }

    @Test
    void aFileThatIsNoRunIsRefusedByName() throws IOException {
        Path file = folder.resolve("other.json");
        for (String text : List.of("{}", "[1, 2]", "nothing",
                "{\"version\": 2, \"environment\": {}, \"results\": [{\"kind\": \"x\"}]}")) {
            Files.writeString(file, text);
            String message = assertThrows(IOException.class, () -> Run.read(file), text).getMessage();
            assertTrue(message.contains("other.json is not a file of"), message);
        }
    }

    @Test
    void aFileOfAnotherVersionIsRefusedWithWhatToDo() throws IOException {
        Path file = folder.resolve("old.json");
        Files.writeString(file, "{\"environment\": {\"commit\": \"342057ba6f8c\"}, \"results\": [{\"work\": \"x\"}]}");

        String message = assertThrows(IOException.class, () -> Run.read(file)).getMessage();

        assertTrue(message.contains("old.json has version 1 of the bench's files, and this bench reads version 2"),
                message);
        assertTrue(message.contains("measure again, or show it with the bench that wrote it, of commit 342057ba6f8c"),
                message);
    }

    @Test
    void whatTheRepositoryShowsReplacesWhatStandsBetweenTheComments() throws IOException {
        Files.createDirectories(folder.resolve("jmh"));
        Files.createDirectories(folder.resolve("docs"));
        for (String file : List.of("README.md", "jmh/RESULTS.md")) {
            Files.writeString(folder.resolve(file), "before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n");
        }
        var run = run(result("procession", 40, 40, 40, 40, 40), result("agrona-many-to-one", 10, 10, 10, 14, 14),
                result("agrona-one-to-one", 30, 30, 30, 30, 30), result("aeron-ipc", 1, 1, 1, 9, 9));

        Readme.publish(run, folder);
        Readme.publish(run, folder); // and finds its place again

        String readme = Files.readString(folder.resolve("README.md"));
        assertTrue(readme.startsWith("before\n<!-- bench:begin -->\n| | Procession |"), readme);
        assertTrue(readme.endsWith("\n<!-- bench:end -->\nafter\n"), readme);
        assertTrue(readme.contains("| 40.0 M msg/s | 10.0–14.0 (2.86–4.00x) | 30.0 (1.33x) | — |"), readme);
        assertTrue(readme.contains("procession bench --made-by-hand <&>"), readme);
        assertFalse(readme.contains("old"), readme);
        String results = Files.readString(folder.resolve("jmh/RESULTS.md"));
        assertTrue(results.contains("### 1 producer and 1 consumer, million a second\n\n| | 16 B |\n"), results);
        assertTrue(results.contains("| agrona-one-to-one | 30.0 [30.0–30.0] 1.33x |"), results);
        assertTrue(results.contains("1 whose rounds disagree by more than a factor of 2"), results);
        String chart = Files.readString(folder.resolve("docs/throughput.svg"));
        assertTrue(chart.contains("1.33x Agrona one-to-one"), chart); // the best one
    }

    @Test
    void filesWithoutTheCommentsAreLeftAlone() throws IOException {
        Files.createDirectories(folder.resolve("jmh"));
        Files.createDirectories(folder.resolve("docs"));
        Path readme = folder.resolve("README.md");
        Path results = folder.resolve("jmh/RESULTS.md");
        Files.writeString(readme, "<!-- bench:begin --><!-- bench:end -->");
        for (String text : List.of("nothing", "<!-- bench:begin -->", "<!-- bench:end --><!-- bench:begin -->")) {
            Files.writeString(results, text);
            String message = assertThrows(IOException.class,
                    () -> Readme.publish(run(result("procession", 1)), folder)).getMessage();
            assertTrue(message.contains("RESULTS.md: a line <!-- bench:begin -->"), message);
            assertEquals(text, Files.readString(results));
            assertEquals("<!-- bench:begin --><!-- bench:end -->", Files.readString(readme));
        }
    }

    /// What a quick run measures is what README shows.
    @Test
    void theReadmesTableHasNoMoreThanEightRows() throws IOException {
        int shown = Readme.table(ofEverything()).size() - 1;

        assertEquals(8, shown);
        assertEquals(shown + 1, Work.ALL.stream().filter(Readme::shows).count(), "and the pool");
    }

    @Test
    void thePoolHasATableOfItsOwnBesideTheReadmesOther() throws IOException {
        Files.createDirectories(folder.resolve("jmh"));
        Files.createDirectories(folder.resolve("docs"));
        for (String file : List.of("README.md", "jmh/RESULTS.md")) {
            Files.writeString(folder.resolve(file), "<!-- bench:begin --><!-- bench:end -->\n");
        }
        Run run = run(result("procession", 40, 40, 40, 40, 40), pool("pool round trip", "procession", 20),
                pool("pool round trip", "python-executor", 200), pool("pool tasks, empty", "procession", 200_000),
                pool("pool tasks, empty", "python-executor", 8_000));

        Readme.publish(run, folder);
        Path page = folder.resolve("page.html");
        Html.write(run, page);

        String readme = Files.readString(folder.resolve("README.md"));
        assertTrue(readme.contains("""
                | | WorkerPool | Python ProcessPoolExecutor |
                |---|---|---|
                | a task and its result, one at a time | 20.0 µs | 200 (10.0x) |
                | empty tasks, 1,000 in flight | 200,000 tasks/s | 8,000 (25.0x) |
                """), readme);
        assertFalse(Readme.table(run).toString().contains("in flight"), "in the other table");
        assertTrue(Files.readString(page).contains("<td>WorkerPool<td>Python ProcessPoolExecutor"), "not on the page");
    }

    /// A task's time is better the shorter it is, and all other figures of a pool the larger they are.
    @Test
    void theGoalsOfAPoolAreRatiosOfTheSameRounds() {
        Run run = run(pool("pool round trip", "procession", 20), pool("pool round trip", "python-executor", 200),
                pool("pool tasks, empty", "procession", 19), pool("pool tasks, empty", "python-executor", 1));

        assertEquals(Goals.Verdict.MET, goal("a pool's task and its result", run).verdict());
        assertEquals("0.10x", goal("a pool's task and its result", run).text());
        assertEquals(Goals.Verdict.MISSED, goal("a pool's tasks, empty, 1,000 in flight", run).verdict());
    }

    private static Result pool(String figure, String system, double value) {
        Work work = new Work(Work.Kind.POOL, 1, 1, 16, Work.Content.BYTES, 0);
        return new Result(work, figure, system, samples(value, value, value, value, value));
    }

    // ---- what is left out

    @Test
    void whatCannotBeQuotedIsNowhereButCounted() throws IOException {
        Result disagrees = result("agrona-many-to-one", 12345, 12345, 50000, 50000, 50000, 98765);
        Run run = run(result("procession", 40, 40, 40, 40, 40), disagrees);
        Path page = folder.resolve("page.html");
        Html.write(run, page);

        for (String text : List.of(terminal(run), Files.readString(page))) {
            assertFalse(text.matches("(?s).*(12,?345|50,000|98,?765|NaN).*"), text);
            assertTrue(text.contains("1 of 2 shown; left out: 0 with fewer than 5 rounds, 1 whose rounds disagree"),
                    text);
        }
    }

    /// If nothing at all is left, that is what is shown.
    @Test
    void aRunOfWhichNothingIsLeftIsShownAllTheSame() throws IOException {
        Result gone = result("procession", 40, 40);
        leaveOut(gone, 0);
        leaveOut(gone, 1);
        Path page = folder.resolve("page.html");

        Html.write(run(gone), page);

        assertTrue(Files.readString(page).contains("0 of 1 shown; left out: 1 with fewer than 5 rounds"));
    }

    @Test
    void theTerminalIsWideEnoughForAllOfIt() {
        List<String> lines = terminal(ofEverything()).lines().toList();

        assertTrue(lines.stream().anyMatch(l -> l.matches(" +1P1C 16 B +1\\.00x .*")),
                lines::toString);
        assertTrue(lines.stream().allMatch(l -> l.length() <= 120),
                () -> lines.stream().filter(l -> l.length() > 120).toList().toString());
    }

    private static String terminal(Run run) {
        var bytes = new ByteArrayOutputStream();
        Report.print(run.byState().getFirst(), new PrintStream(bytes, true, StandardCharsets.UTF_8));
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static final List<Double> NEAR_AND_FAR = List.of(110.0, 112.0, 111.0, 110.0, 370.0, 371.0, 372.0);

    private static Goals.Reached firstGoal(Result... results) {
        return Goals.reached(run(results)).getFirst();
    }

    private static Goals.Reached goal(String name, Run run) {
        return Goals.reached(run).stream().filter(r -> r.goal().name().equals(name)).findFirst().orElseThrow();
    }

    static Run run(Result... results) {
        return new Run(Map.of("command", "procession bench --made-by-hand <&>"), List.of(110.0, 371.0),
                List.of(results));
    }

    /// Every system at every work that it serves.
    static Run ofEverything() {
        var results = new ArrayList<Result>();
        List<Contender> systems = Contender.all();
        for (Work work : Work.ALL) {
            for (Contender system : systems) {
                if (!system.serves(work)) continue;
                for (String figure : work.figures()) {
                    results.add(new Result(work, figure, system.name(), samples(1e6, 1e6, 1e6, 1.2e6, 1.2e6)));
                }
            }
        }
        return run(results.toArray(Result[]::new));
    }

    static Result result(String system, double... rounds) {
        return new Result(WORK, "throughput 1P1C", system, samples(rounds));
    }

    private static Result roundTrip(String system, double... rounds) {
        Work work = new Work(Work.Kind.ROUND_TRIP, 1, 1, 16, Work.Content.BYTES, 0);
        return new Result(work, "round trip p50", system, samples(rounds));
    }

    private static String text(Run run, String system) {
        return run.find(system, "throughput 1P1C", 16).orElseThrow().text();
    }

    private static void farFrom(int first, Result result) {
        for (int i = first; i < result.samples().size(); i++) {
            lines(result, i, 370, 372);
        }
    }

    private static void lines(Result result, int index, double before, double after) {
        Result.Sample s = result.samples().get(index);
        result.samples().set(index,
                new Result.Sample(s.round(), s.pass(), s.policy(), s.value(), before, after, s.leftOut()));
    }

    private static void leaveOut(Result result, int index) {
        Result.Sample s = result.samples().get(index);
        result.samples().set(index, new Result.Sample(s.round(), s.pass(), s.policy(), s.value(), s.lineBefore(),
                s.lineAfter(), "steal 7 %"));
    }

    private static List<Result.Sample> samples(double... rounds) {
        var samples = new ArrayList<Result.Sample>();
        for (double round : rounds) {
            samples.add(new Result.Sample(samples.size(), samples.size() / 3, Waiting.Policy.RELAXED, round, 110, 110,
                    ""));
        }
        return samples;
    }
}
