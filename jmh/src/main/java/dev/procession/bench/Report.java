package dev.procession.bench;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/// Shows a run in one state of its cores on a terminal.
final class Report {
    static final String HOW_TO_READ =
            """
            Each with the better of two wait policies: the median of its rounds; or, if they differ by more than a
            quarter, the range of their middle half; or a dash if they differ by more than a factor of two or are fewer
            than five: that figure is left out. Ratios are taken round by round. A sample that other load disturbed, or
            during which a virtual machine's cores moved, is taken again, and does not count if that did not help.
            """;

    private Report() {}

    static void print(Run run, PrintStream out) {
        run.environment().forEach((name, value) -> out.printf("%-11s %s%n", name, value));
        print("Procession against the best of its peers", Readme.bars(run).stream()
                .map(bar -> List.of(bar.name(), bar.text())).toList(), out);
        for (Tables table : Tables.of(run, false)) {
            if (table.hasFigures()) print(table.title(), table.rows(), out);
        }
        List<List<String>> goals = Goals.table(run);
        if (goals.size() > 1) print("Goals", goals, out);
        out.println();
        out.print(HOW_TO_READ);
    }

    /// Columns as wide as they must be; the first one to the left.
    private static void print(String title, List<List<String>> rows, PrintStream out) {
        if (rows.isEmpty()) return;
        out.println();
        out.println(title);
        for (List<String> row : rows) {
            var line = new StringBuilder();
            for (int i = 0; i < row.size(); i++) {
                int column = i;
                int width = rows.stream().mapToInt(r -> r.get(column).length()).max().orElse(0);
                String padding = " ".repeat(width - row.get(i).length());
                boolean isText = i == 0 || !rows.getFirst().getFirst().isEmpty();
                line.append("  ").append(isText ? row.get(i) + padding : padding + row.get(i));
            }
            out.println(line.toString().stripTrailing());
        }
    }

    static String size(int bytes) {
        return bytes >= 1 << 20 ? (bytes >> 20) + " MiB" : bytes >= 1 << 10 ? (bytes >> 10) + " KiB" : bytes + " B";
    }

    /// Three digits, as far as they are behind the point.
    static String number(double value) {
        double size = Math.abs(value);
        return String.format(Locale.ROOT,
                size >= 1000 ? "%,.0f" : size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : size >= 0.1 ? "%.2f" : "%.4f",
                value);
    }

    /// As few digits as it has.
    static String plain(double value) {
        return String.format(Locale.ROOT, "%.3f", value).replaceFirst("\\.?0+$", "");
    }
}
