package dev.procession.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What is shown of a run, on results made by hand.
class RunTest {
    private static final Work WORK = Work.throughput(1, 1, 16);

    @TempDir
    private Path folder;

    @Test
    void readBackFromItsFileARunIsTheSame() throws IOException {
        Result disturbed = result("pipe", 3, 3.5, 3);
        disturbed.samples().set(1, new Result.Sample(0, 3, 111, 111, "steal 7 %", true));
        disturbed.samples().set(2, new Result.Sample(0, 3, 111, 111, "", false));
        var rate = new Work(Work.Kind.LATENCY, 1, 1, 16, Work.Content.BYTES, 10_000);
        var latency = new Result(rate, rate.figures().getFirst(), "procession", Waiting.Policy.RELAXED,
                List.of(new Result.Sample(0, 130, 110, 110, "", true), new Result.Sample(1, 140, 370, 370, "", true)));
        var typed = new Work(Work.Kind.THROUGHPUT, 1, 1, 16, Work.Content.INT64, 0);
        var zero = new Result(typed, typed.figures().getFirst(), "procession", Waiting.Policy.EAGER,
                List.of(new Result.Sample(0, 0, 110, 110, "", true)));
        var other = new Result(typed, typed.figures().getFirst(), "pipe", Waiting.Policy.EAGER,
                List.of(new Result.Sample(0, 0, 110, 110, "", true)));
        var run = run(result("procession", 8.25, 7.5, 8), disturbed, latency, zero, other);
        Path file = folder.resolve("run.json");

        run.write(file);

        assertEquals(run, Run.read(file));
    }

    @Test
    void aFileThatIsNoRunIsRefusedByName() throws IOException {
        Path file = folder.resolve("other.json");
        for (String text : List.of("{}", "[1, 2]", "nothing",
                "{\"environment\": {}, \"results\": [{\"kind\": \"x\"}]}")) {
            Files.writeString(file, text);
            String message = assertThrows(IOException.class, () -> Run.read(file), text).getMessage();
            assertTrue(message.contains("other.json"), message);
        }
    }

    @Test
    void aSystemCountsWithTheBetterOfItsPolicies() {
        Result eager = new Result(WORK, "throughput 1P1C", "pipe", Waiting.Policy.EAGER, samples(9, 9, 9));
        Result relaxed = new Result(WORK, "throughput 1P1C", "pipe", Waiting.Policy.RELAXED, samples(7, 20, 7));
        var run = run(relaxed, eager);

        assertEquals(eager, run.better(WORK, "throughput 1P1C", "pipe").orElseThrow());
        assertEquals("+", run.plusIfBetter(eager));
        assertEquals("", run.plusIfBetter(relaxed));
    }

    @Test
    void ofTwoTimesTheSmallerOneIsTheBetter() {
        assertTrue(roundTrip("pipe", 7).isBetterThan(roundTrip("pipe", 9)));
        assertFalse(roundTrip("pipe", 9).isBetterThan(roundTrip("pipe", 7)));
        assertTrue(result("pipe", 9).isBetterThan(result("pipe", 7)));
    }

    @Test
    void aRatioIsTakenRoundByRound() {
        // The medians are 40 and 20; but in each round it was 4 times as much, or 2, or 4.
        Result ours = result("procession", 40, 80, 20);
        Result theirs = result("pipe", 10, 40, 5);

        assertEquals(4, ours.ratioTo(theirs).median());
        assertEquals(List.of(4.0, 2.0, 4.0),
                ours.ratioTo(theirs).samples().stream().map(Result.Sample::value).toList());
    }

    @Test
    void aGoalIsMetOrMissedByItsRatio() {
        assertEquals(Goals.Verdict.MET,
                firstGoal(result("procession", 41), result("agrona-many-to-one", 10)).verdict());
        Goals.Reached missed = firstGoal(result("procession", 39), result("agrona-many-to-one", 10));
        assertEquals(Goals.Verdict.MISSED, missed.verdict());
        assertEquals("3.90x", missed.valueText());
    }

    @Test
    void theVerdictOnARatioIsOpenIfItIsMissingOrUnsteadyOrDisturbed() {
        Result theirs = result("agrona-many-to-one", 10, 10, 10, 10);
        assertEquals(Goals.Verdict.NOT_MEASURED, firstGoal(theirs).verdict());
        assertEquals(Goals.Verdict.UNSTEADY, firstGoal(result("procession", 41, 41, 80, 80), theirs).verdict());
        Result disturbed = result("procession", 41, 41, 41, 41);
        disturbed.samples().replaceAll(s -> s.withoutCounting("steal 7 %"));
        assertEquals(Goals.Verdict.DISTURBED, firstGoal(disturbed, theirs).verdict());
        Result halfDisturbed = result("procession", 41, 41, 41, 41);
        Result otherHalf = result("agrona-many-to-one", 10, 10, 10, 10);
        for (int i = 0; i < 4; i++) {
            Result which = i % 2 == 0 ? halfDisturbed : otherHalf;
            which.samples().set(i, which.samples().get(i).withoutCounting("steal 7 %"));
        }
        assertEquals(Goals.Verdict.DISTURBED, firstGoal(halfDisturbed, otherHalf).verdict());
    }

    @Test
    void aDisturbedSampleCountsInNoFigureAndInNoRatio() {
        Result disturbed = result("procession", 41, 1, 41, 41);
        disturbed.samples().set(1, disturbed.samples().get(1).withoutCounting("steal 7 %"));
        Result theirs = result("agrona-many-to-one", 10, 10, 10, 99);
        theirs.samples().set(3, theirs.samples().get(3).withoutCounting("steal 7 %"));

        assertEquals(41, disturbed.quantile(0));
        assertFalse(disturbed.isUnsteady());
        assertEquals(2, disturbed.ratioTo(theirs).rounds().length);
        assertEquals(Goals.Verdict.MET, firstGoal(disturbed, theirs).verdict());
    }

    @Test
    void figuresAreGivenForEachStateOfTheCores() {
        var lines = new ArrayList<>(List.of(110.0, 112.0, 111.0, 110.0, 370.0, 371.0, 372.0));
        Result ours = result("procession", 100, 90, 110, 20, 50, 1);
        Result theirs = result("agrona-many-to-one", 50, 45, 55, 5, 5, 1);
        for (Result each : List.of(ours, theirs)) {
            lines(each, 3, 370, 372);
            lines(each, 4, 110, 372);
        }
        ours.samples().set(5, ours.samples().get(5).withoutCounting("steal 7 %"));

        List<Run> states = new Run(Map.of(), lines, List.of(ours, theirs)).byState();

        assertEquals(2, states.size());
        Run near = states.getFirst(); // more samples
        Run far = states.getLast();
        assertEquals(100, median(near, "procession"));
        assertEquals(47.5, median(near, "agrona-many-to-one")); // 50, 45, 55, 1
        assertEquals(20, median(far, "procession"));
        assertEquals(5, median(far, "agrona-many-to-one"));
        assertTrue(String.valueOf(near.environment().get(Run.STATE)).startsWith("near: "), near::toString);
        assertTrue(String.valueOf(far.environment().get(Run.STATE)).startsWith("far: "), far::toString);
        assertEquals("12 taken; left out: 1 disturbed by other load, 2 while the cores moved; 7 count, with near cores",
                near.environment().get(Run.SAMPLES));
    }

    @Test
    void aFigureOfWhichNothingIsLeftIsNotShownButCounted() throws IOException {
        Result gone = result("agrona-many-to-one", 12345, 12345);
        gone.samples().replaceAll(s -> s.withoutCounting("steal 7 %"));
        Run state = run(result("procession", 40, 40), gone).byState().getFirst();
        Path page = folder.resolve("page.html");
        var bytes = new ByteArrayOutputStream();

        new Report(state).print(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        Html.write(run(result("procession", 40, 40), gone), page);

        for (String text : List.of(bytes.toString(StandardCharsets.UTF_8), Files.readString(page))) {
            assertFalse(text.contains("12345") || text.contains("12,345") || text.contains("NaN"), text);
            assertTrue(text.contains("left out: 2 disturbed by other load"), text);
            assertTrue(text.contains("1 of 2 not shown"), text);
        }
    }

    /// If nothing at all is left, that is what is shown.
    @Test
    void aRunOfWhichNothingIsLeftIsShownAllTheSame() throws IOException {
        Result gone = result("procession", 40, 40);
        gone.samples().replaceAll(s -> s.withoutCounting("steal 7 %"));
        Path page = folder.resolve("page.html");

        Html.write(run(gone), page);

        assertTrue(Files.readString(page).contains("1 of 1 not shown"));
    }

    /// What moves both alike leaves their ratio steady.
    @Test
    void aRatioMayBeSteadyThoughItsFiguresAreNot() {
        Result ours = result("procession", 41, 41, 82, 82);
        Result theirs = result("agrona-many-to-one", 10, 10, 20, 20);

        assertTrue(ours.isUnsteady());
        assertEquals(Goals.Verdict.MET, firstGoal(ours, theirs).verdict());
    }

    @Test
    void aGoalForATimeIsMetFromBelow() {
        Result peer = roundTrip("agrona-one-to-one", 100);

        assertEquals(Goals.Verdict.MET, goal("round trip p50, spinning", roundTrip("procession", 94), peer).verdict());
        assertEquals(Goals.Verdict.MISSED,
                goal("round trip p50, spinning", roundTrip("procession", 96), peer).verdict());
    }

    @Test
    void aRoundTripIsComparedWithTheBareLineOfItsRound() {
        Goals.Reached reached = goal("round trip p50, spinning, to a bare line", roundTrip("procession", 121));

        assertEquals("1.10x", reached.valueText()); // the line of these samples takes 110 ns
        assertEquals(Goals.Verdict.MET, reached.verdict());
    }

    /// At 100 M msg/s a message takes 10 ns, at 50 M it takes 20.
    @Test
    void theExtraCostOfAMessageIsADifferenceOfTimes() {
        assertEquals(10, result("procession", 50).extraNanosOver(result("pipe", 100)).median(), 1e-9);
    }

    @Test
    void theReadmesTableReplacesWhatStandsBetweenTheComments() throws IOException {
        Path file = folder.resolve("README.md");
        Files.writeString(file, "before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n");
        var run = run(result("procession", 40), result("agrona-many-to-one", 10));

        Readme.update(file, run);
        Readme.update(file, run); // and finds its place again

        String text = Files.readString(file);
        assertTrue(text.startsWith("before\n<!-- bench:begin -->\n|"), text);
        assertTrue(text.endsWith("\n<!-- bench:end -->\nafter\n"), text);
        assertTrue(text.contains("| 40.0 M msg/s | 10.0 (4.00x) |"), text);
        assertTrue(text.contains("procession bench --made-by-hand <&>"), text);
        assertFalse(text.contains("old"), text);
    }

    @Test
    void packedLongsAreCountedInTheReadme() throws IOException {
        Path file = folder.resolve("README.md");
        Files.writeString(file, "<!-- bench:begin --><!-- bench:end -->");
        var packed = Work.ALL.stream().filter(w -> w.content() == Work.Content.PACKED_LONGS).findFirst().orElseThrow();
        assertEquals(64, packed.countedInMessage());
        var results = Stream.of("procession-typed", "agrona-one-to-one").map(system -> new Result(packed,
                packed.figures().getFirst(), system, Waiting.Policy.RELAXED, samples(400))).toArray(Result[]::new);

        Readme.update(file, run(results));

        String text = Files.readString(file);
        assertTrue(text.contains("64 longs a message | 400 M longs/s | 400 (1.00x) |"), text);
    }

    @Test
    void inTheReadmeTooAnUnsteadyFigureIsMarked() throws IOException {
        Path file = folder.resolve("README.md");
        Files.writeString(file, "<!-- bench:begin --><!-- bench:end -->");
        Result disturbed = result("agrona-many-to-one", 10, 10, 10, 10);
        disturbed.samples().set(0, new Result.Sample(0, 999, 110, 110, "steal 7 %", true));

        Readme.update(file, run(result("procession", 40, 40, 80, 80), disturbed));

        String text = Files.readString(file);
        assertTrue(text.contains("| 60.0~ M msg/s | 10.0 (8.00x~) |"), text);
        assertTrue(text.contains("~: rounds or forks disagree"), text);
    }

    @Test
    void theFirstSecondIsARowOfItsOwn() throws IOException {
        Path file = folder.resolve("README.md");
        Files.writeString(file, "<!-- bench:begin --><!-- bench:end -->");
        String cold = WORK.coldFigure().orElseThrow();

        Readme.update(file, run(result("procession", 40), result("agrona-many-to-one", 10),
                new Result(WORK, cold, "procession", Waiting.Policy.RELAXED, samples(3)),
                new Result(WORK, cold, "agrona-many-to-one", Waiting.Policy.RELAXED, samples(6))));

        String text = Files.readString(file);
        assertTrue(text.contains("16 B | 40.0 M msg/s | 10.0 (4.00x) |"), text);
        assertTrue(text.contains("first second of new processes | 3.00 M msg/s | 6.00 (0.50x) |"), text);
    }

    @Test
    void aFigureWhoseRateNeverStoodStillSaysSo() {
        Result restless = result("procession", 40, 40);
        restless.samples().set(1, new Result.Sample(0, 40, 110, 110, "", false));

        assertEquals("^", Report.marks(restless));
        assertEquals("^", Report.marks(result("pipe", 10, 10).ratioTo(restless)));
        assertEquals("", Report.marks(result("pipe", 10, 10)));
    }

    @Test
    void aReadmeWithoutTheCommentsIsLeftAlone() throws IOException {
        Path file = folder.resolve("README.md");
        for (String text : List.of("nothing", "<!-- bench:begin -->", "<!-- bench:end --><!-- bench:begin -->")) {
            Files.writeString(file, text);
            String message = assertThrows(IOException.class, () -> Readme.update(file, run(result("procession", 1))))
                    .getMessage();
            assertTrue(message.contains("<!-- bench:begin -->"), message);
            assertEquals(text, Files.readString(file));
        }
    }

    @Test
    void thePageIsOneFileAndEscapesText() throws IOException {
        Path file = folder.resolve("page.html");

        Html.write(run(result("procession", 40), result("agrona-many-to-one", 10), result("<b>&\"x", 5)), file);

        String page = Files.readString(file);
        assertFalse(page.matches("(?is).*(<script|<link|<img|<iframe|@import|url\\((?!['\"]?#)|\\s(src|href)=).*"),
                "refers to something else");
        assertTrue(page.contains("&lt;b&gt;&amp;&quot;x"), "a system's name");
        assertFalse(page.contains("<b>&"), "a system's name");
        assertTrue(page.contains("--made-by-hand &lt;&amp;&gt;"), "the command");
        assertTrue(page.contains("prefers-color-scheme: dark"), "no dark colours");
        assertTrue(page.contains(">met</tr>"), "no goal met");
    }

    @Test
    void plotsAreWrittenAsSvgAndAsPng() throws IOException {
        assumeTrue(Plots.canDraw(), "this machine has no fonts");

        Plots.write(run(result("procession", 40), result("agrona-many-to-one", 10)), folder.resolve("plots"));

        assertTrue(Files.readString(folder.resolve("plots/throughput.svg")).startsWith("<svg"));
        byte[] png = Files.readAllBytes(folder.resolve("plots/throughput.png"));
        assertEquals("PNG", new String(png, 1, 3, StandardCharsets.US_ASCII));
    }

    @Test
    void theTerminalShowsRatioAndMarksWithinItsWidth() {
        var bytes = new ByteArrayOutputStream();
        Result eager = new Result(WORK, "throughput 1P1C", "procession", Waiting.Policy.EAGER, samples(20, 20, 20, 20));

        new Report(run(result("procession", 40, 40, 40, 40), eager, result("agrona-many-to-one", 10, 10, 20, 20)))
                .print(new PrintStream(bytes, true, StandardCharsets.UTF_8));

        List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().map(String::strip).toList();
        assertTrue(lines.stream().anyMatch(l -> l.matches("procession +relaxed\\+ +40.0 +\\[40.0..40.0]")),
                lines::toString);
        assertTrue(lines.stream().anyMatch(
                l -> l.matches("agrona-many-to-one +relaxed +15.0 +\\[10.0..20.0] +~ +3.00x \\[2.00..4.00] ~")),
                lines::toString);
        assertTrue(lines.stream().allMatch(l -> l.length() <= 120), lines::toString);
    }

    private static Goals.Reached firstGoal(Result... results) {
        return Goals.reached(run(results)).getFirst();
    }

    private static Goals.Reached goal(String name, Result... results) {
        return Goals.reached(run(results)).stream().filter(r -> r.goal().name().equals(name)).findFirst().orElseThrow();
    }

    private static Run run(Result... results) {
        return new Run(Map.of("command", "procession bench --made-by-hand <&>", "forks", 1), List.of(110.0, 371.0),
                List.of(results));
    }

    private static Result result(String system, double... rounds) {
        return new Result(WORK, "throughput 1P1C", system, Waiting.Policy.RELAXED, samples(rounds));
    }

    private static Result roundTrip(String system, double... rounds) {
        Work work = new Work(Work.Kind.ROUND_TRIP, 1, 1, 16, Work.Content.BYTES, 0);
        return new Result(work, "round trip p50", system, Waiting.Policy.RELAXED, samples(rounds));
    }

    private static double median(Run run, String system) {
        return run.better(WORK, "throughput 1P1C", system).orElseThrow().median();
    }

    private static void lines(Result result, int index, double before, double after) {
        Result.Sample s = result.samples().get(index);
        result.samples().set(index, new Result.Sample(s.fork(), s.value(), before, after, s.leftOut(), s.isWarm()));
    }

    private static List<Result.Sample> samples(double... rounds) {
        var samples = new ArrayList<Result.Sample>();
        for (double round : rounds) {
            samples.add(new Result.Sample(0, round, 110, 110, "", true));
        }
        return samples;
    }
}
