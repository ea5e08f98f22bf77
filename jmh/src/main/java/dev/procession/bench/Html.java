package dev.procession.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// A run as one page that needs nothing else: no script, no other file, no network.
final class Html {
    private static final String HEAD = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Procession bench</title>
            <style>
            :root { color-scheme: light dark; --rule: #d0d7de; --dim: #59636e; --met: #1a7f37; --missed: #cf222e;
              --doubt: #9a6700; --row: #f6f8fa; }
            @media (prefers-color-scheme: dark) { :root { --rule: #3d444d; --dim: #9198a1; --met: #3fb950;
              --missed: #f85149; --doubt: #d29922; --row: #151b23; } }
            body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem;
              color: light-dark(#1f2328, #f0f6fc); background: light-dark(#ffffff, #0d1117); }
            h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--rule); }
            .wide { overflow-x: auto; }
            table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.5rem 0 1.5rem; }
            caption { text-align: left; font-weight: 600; padding: 0.3rem 0; }
            caption small, .dim, figcaption { color: var(--dim); font-weight: 400; }
            th, td { padding: 0.15rem 0.9rem 0.15rem 0; text-align: left; vertical-align: top; }
            thead th { border-bottom: 1px solid var(--rule); }
            tbody tr:nth-child(even) { background: var(--row); }
            .from2 :is(td, th):nth-child(n+2), .from3 :is(td, th):nth-child(n+3) { text-align: right;
              white-space: nowrap; }
            tr.ours td { font-weight: 600; }
            .met { color: var(--met); } .missed { color: var(--missed); }
            .unsteady, .disturbed { color: var(--doubt); }
            .not-measured { color: var(--dim); }
            figure { margin: 1.5rem 0; } svg { width: 100%; height: auto; }
            </style>
            </head>
            <body>
            <h1>Procession bench</h1>
            """;

    private static final String HOW = """
            <h2>How it was measured</h2>
            <p>Every system does the same work in processes of its own (those that live within one JVM: in threads),
            producers pinned to one core, consumers to another, with the same amount of memory. All systems of a work
            are alive at once, warmed up, and measured in turns: a round is one sample of each. Warm is who was seen to
            be: where the figure is a rate, a system works in slices of 50 ms until the median of four of them is within
            5 % of that of the four before, or <b>^</b> says that it never was. What the first second of new processes
            brings, from the command to move the first message, is a figure of its own: <i>cold</i>. A fork does
            everything again with fresh processes and files, because two JVMs may be off by a quarter as long as they
            live. What
            was moved is checked in every sample: the number, the order of each producer's messages, a checksum.</p>
            <p>Two wait policies: <i>eager</i> looks again at once after it found nothing, <i>relaxed</i> pauses once it
            has caught up. They change the ranking. A user of a queue chooses the policy that suits it; so wherever
            two systems are compared, each counts with the policy under which its own median is better (marked +, where
            both were measured).</p>
            <p>A figure is the median of all rounds, in brackets its quartiles. A ratio is Procession's figure divided
            by the peer's, taken round by round; of these again the median and the quartiles. Above 1 is good for
            throughput, below 1 for times. <i>Line</i> is the round trip of one bare cache line between the two cores,
            measured right before and right after each sample. The cores of a virtual machine move: if the run has seen
            them near and far, figures are given for each state, and the run finds the threshold itself.</p>
            <p>A sample during which other processes or the hypervisor took CPU time, or a thread that has a core for
            itself had it for less than 97 % of the time, or the cores moved, is repeated, a few times at most. If it
            was so all the same, it is left out of all figures and ratios; the page says how many were.
            <b>~</b>: rounds or forks disagree by more than a quarter. Two cores of one virtual machine say
            nothing about large machines: measure on yours.</p>
            """;

    private final Run run;
    private final StringBuilder page;

    private Html(Run run, StringBuilder page) {
        this.run = run;
        this.page = page;
    }

    static void write(Run run, Path file) throws IOException {
        var page = new StringBuilder(HEAD);
        List<Run> states = run.byState();
        for (Run each : states) {
            new Html(each, page).show(each == states.getFirst());
        }
        Files.writeString(file, page.append(HOW).append("</body>\n</html>\n"));
    }

    private void show(boolean withPlots) {
        Object state = run.environment().get(Run.STATE);
        if (state != null) {
            page.append("<h1>Cores ").append(escaped(state)).append("</h1>\n");
        }
        page.append("<p class=dim>").append(escaped(run.environment().get("date"))).append(", commit ")
                .append(escaped(run.environment().get("commit"))).append(", ")
                .append(escaped(run.environment().get("machine"))).append("</p>\n");
        goals();
        overview();
        if (withPlots) {
            plots();
        }
        page.append("<h2>All figures</h2>\n");
        for (List<Result> figure : run.byMainFigure()) {
            figure(figure);
            percentiles(figure);
        }
        environment();
    }

    private void goals() {
        page.append("<h2>Goals</h2>\n<div class=wide><table class=from3><thead>");
        row("th", "", "goal", "compared", "wanted", "reached", "quartiles", "");
        page.append("</thead><tbody>\n");
        for (Goals.Reached reached : Goals.reached(run)) {
            Goals.Goal goal = reached.goal();
            String verdict = reached.verdict().toString();
            page.append("<tr><td>").append(escaped(goal.name())).append("<td>").append(escaped(goal.systems()))
                    .append("<td>").append(escaped(goal.wantedText())).append("<td>")
                    .append(escaped(reached.valueText())).append("<td>").append(escaped(reached.quartilesText()))
                    .append("<td class=").append(verdict.replace(' ', '-')).append('>').append(verdict)
                    .append("</tr>\n");
        }
        page.append(
                "</tbody></table></div>\n<p class=dim>Ratios are Procession's figure divided by the peer's: medians "
                        + "of ")
                .append(new Report(run).extent()).append(". Unsteady: rounds or forks disagree by more than a "
                        + "quarter. Disturbed: no round is left.</p>\n");
    }

    private void overview() {
        List<List<String>> rows = Readme.table(run);
        if (rows.size() == 1) return;
        page.append("<h2>Overview</h2>\n<div class=wide><table class=from2><thead>");
        row("th", "", rows.getFirst().stream());
        page.append("</thead><tbody>\n");
        rows.stream().skip(1).forEach(r -> row("td", "", r.stream()));
        page.append("</tbody></table></div>\n<p class=dim>").append(escaped(Readme.legend(run))).append("</p>\n");
    }

    private void plots() {
        if (!Plots.canDraw()) {
            page.append("<p>No plots: Java found no fonts on the machine that made this page.</p>\n");
            return;
        }
        for (Plots.Plot plot : Plots.of(run)) {
            page.append("<figure>").append(plot.inlineSvg()).append("<figcaption>").append(escaped(plot.caption()))
                    .append("</figcaption></figure>\n");
        }
    }

    /// One table: every system's figure at one work.
    private void figure(List<Result> figure) {
        Result first = figure.getFirst();
        Result ours = run.better(first.work(), first.figure(), first.system()).orElseThrow();
        page.append("<div class=wide><table class=from3><caption>").append(escaped(Report.title(first)))
                .append(" <small>in ")
                .append(escaped(first.unit())).append("; line ").append(Report.line(first))
                .append(" ns</small></caption><thead>");
        row("th", "", "system", "policy", "median", "quartiles", "", ours.system() + " to it", "quartiles", "");
        page.append("</thead><tbody>\n");
        for (Result result : figure) {
            boolean isOurs = result.system().equals(ours.system());
            Result ratio = ours.ratioTo(result);
            boolean isCompared = !isOurs && ratio.isKnown();
            row("td", isOurs ? "ours" : "", result.system(), Report.policy(result) + run.plusIfBetter(result),
                    Report.number(result.median()), Report.quartiles(result), Report.marks(result),
                    isCompared ? Report.number(ratio.median()) + "x" : "",
                    isCompared ? Report.quartiles(ratio) : "", isCompared ? Report.marks(ratio) : "");
        }
        page.append("</tbody></table></div>\n");
    }

    private void percentiles(List<Result> figure) {
        Work work = figure.getFirst().work();
        if (!work.isPercentiles()) return;
        page.append("<div class=wide><table class=from2><thead>");
        row("th", "", Stream.concat(Stream.of("system"), Work.PERCENTILES.stream()));
        page.append("</thead><tbody>\n");
        for (Result result : figure) {
            row("td", "", Stream.concat(Stream.of(result.system()), run.percentiles(work, result.system()).stream()
                    .map(r -> Report.number(r.median()) + Report.marks(r))));
        }
        page.append("</tbody></table></div>\n");
    }

    private void environment() {
        page.append("<h2>Environment</h2>\n<div class=wide><table><tbody>\n");
        run.environment().forEach((name, value) -> row("td", "", name, text(value)));
        page.append("</tbody></table></div>\n");
    }

    private static String text(Object value) {
        return switch (value) {
            case Map<?, ?> map -> map.entrySet().stream().map(e -> e.getKey() + " " + text(e.getValue()))
                    .collect(Collectors.joining("; "));
            case List<?> list -> list.stream().map(Html::text).collect(Collectors.joining(", "));
            default -> value.toString();
        };
    }

    private void row(String cell, String rowClass, String... texts) {
        row(cell, rowClass, Stream.of(texts));
    }

    private void row(String cell, String rowClass, Stream<String> texts) {
        page.append(rowClass.isEmpty() ? "<tr>" : "<tr class=" + rowClass + ">");
        texts.forEach(text -> page.append('<').append(cell).append('>').append(escaped(text)));
        page.append("</tr>\n");
    }

    private static String escaped(Object text) {
        return String.valueOf(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
