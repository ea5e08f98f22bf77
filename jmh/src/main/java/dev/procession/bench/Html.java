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
              --row: #f6f8fa; }
            @media (prefers-color-scheme: dark) { :root { --rule: #3d444d; --dim: #9198a1; --met: #3fb950;
              --missed: #f85149; --row: #151b23; } }
            body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem;
              color: light-dark(#1f2328, #f0f6fc); background: light-dark(#ffffff, #0d1117); }
            h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--rule); }
            p { overflow-wrap: anywhere; } .dim, caption { color: var(--dim); }
            .wide { overflow-x: auto; }
            table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.5rem 0 1.5rem; }
            caption { text-align: left; padding: 0.3rem 0; }
            td { padding: 0.15rem 0.9rem 0.15rem 0; vertical-align: top; }
            tr:first-child td, td:first-child { font-weight: 600; }
            tr:nth-child(even) { background: var(--row); }
            .numbers td { white-space: nowrap; } .numbers td:nth-child(n+2) { text-align: right; }
            .met { color: var(--met); } .missed { color: var(--missed); }
            figure { margin: 1.5rem 0; overflow-x: auto; } svg { width: 100%; min-width: 34rem; height: auto; }
            </style>
            </head>
            <body>
            <h1>Procession bench</h1>
            """;

    private static final String HOW = """
            <h2>How it was measured</h2>
            <p>Every system does the same work in processes of its own (those that live within one JVM: in threads),
            producers pinned to one core, consumers to another, with the same amount of memory. All systems of a work
            are alive at once, warmed up until their rate stands still, and measured in turns: a round is one sample of
            each. Passes with new processes and files follow until the time is over. What was moved is checked in every
            sample: the number, the order of each producer's messages, a checksum.</p>
            <p>A system that found nothing looks again at once, or pauses first; each is measured with what served it
            better when it was warmed up.</p>
            <p>A figure is the median of its rounds, in brackets their quartiles; if they differ by more than a quarter,
            it is the range between them; if by more than a factor of two, or if there are fewer than five, it is left
            out: \u2014. A ratio says how many times as fast the first system is, taken round by round.</p>
            <p>The cores of a virtual machine move: the round trip of a bare cache line between them is measured right
            before and right after each sample, and if the run has seen them near and far, figures are given for each
            state, by a threshold that the run finds itself. A sample during which other processes or the hypervisor
            took CPU time, or a thread that has a core for itself had it for less than 97 % of the time, or the cores
            moved, is repeated, a few times at most. If it was so all the same, it does not count; the page says how
            many that were. Two cores of one virtual machine say nothing about large machines: measure on yours.</p>
            """;

    private final Run run;
    private final StringBuilder page;

    private Html(Run run, StringBuilder page) {
        this.run = run;
        this.page = page;
    }

    static void write(Run run, Path file) throws IOException {
        var page = new StringBuilder(HEAD);
        run.byState().forEach(state -> new Html(state, page).show());
        Files.writeString(file, page.append(HOW).append("</body>\n</html>\n"));
    }

    private void show() {
        Object state = run.environment().get(Run.STATE);
        if (state != null) {
            page.append("<h1>Cores ").append(escaped(state)).append("</h1>\n");
        }
        page.append("<p class=dim>").append(escaped(run.environment().get("date"))).append(", commit ")
                .append(escaped(run.environment().get("commit"))).append(", ")
                .append(escaped(run.environment().get("machine"))).append(". Samples: ")
                .append(escaped(run.environment().get(Run.SAMPLES))).append(". Figures: ")
                .append(escaped(run.environment().get(Run.FIGURES))).append(".</p>\n");
        List<List<List<String>>> overview =
                Stream.of(Readme.table(run), Readme.poolTable(run)).filter(rows -> rows.size() > 1).toList();
        if (!overview.isEmpty()) {
            page.append("<h2>Overview</h2>\n<figure>").append(Readme.chart(run)).append("</figure>\n");
            overview.forEach(rows -> table("", "numbers", rows));
            page.append("<p class=dim>").append(escaped(Readme.legend(run))).append("</p>\n");
        }
        page.append("<h2>Goals</h2>\n");
        table("", "", Goals.table(run));
        page.append("<h2>All figures</h2>\n");
        Tables.of(run, true).stream().filter(Tables::hasFigures)
                .forEach(each -> table(each.title(), "numbers", each.rows()));
        page.append("<h2>Environment</h2>\n");
        table("", "", run.environment().entrySet().stream()
                .map(fact -> List.of(fact.getKey(), text(fact.getValue()))).toList());
    }

    private void table(String caption, String type, List<List<String>> rows) {
        page.append("<div class=wide><table class=\"").append(type).append("\">");
        if (!caption.isEmpty()) {
            page.append("<caption>").append(escaped(caption)).append("</caption>");
        }
        for (List<String> row : rows) {
            page.append("<tr>");
            row.forEach(cell -> page.append(cell.equals("met") || cell.equals("missed") ? "<td class=" + cell + ">"
                    : "<td>").append(escaped(cell)));
            page.append("</tr>\n");
        }
        page.append("</table></div>\n");
    }

    private static String text(Object value) {
        return switch (value) {
            case Map<?, ?> map -> map.entrySet().stream().map(e -> e.getKey() + " " + text(e.getValue()))
                    .collect(Collectors.joining("; "));
            case List<?> list -> list.stream().map(Html::text).collect(Collectors.joining(", "));
            default -> value.toString();
        };
    }

    private static String escaped(Object text) {
        return String.valueOf(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
