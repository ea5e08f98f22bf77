package dev.procession.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// All figures of a run in one state of its cores, as tables: a row for each system, a column for each figure.
///
/// @param rows  the first one is the head
record Tables(String title, List<List<String>> rows) {
    /// With quartiles behind medians, and how many times as good the first system is as each other one, if that is
    /// wanted.
    static List<Tables> of(Run run, boolean inFull) {
        var byTitle = new LinkedHashMap<String, List<List<Result>>>();
        for (List<Result> figure : run.byFigure()) {
            Result first = figure.getFirst();
            byTitle.computeIfAbsent(first.work().table(first.figure()), key -> new ArrayList<>()).add(figure);
        }
        var tables = new ArrayList<Tables>();
        byTitle.forEach((title, columns) -> tables.add(new Tables(title, rows(columns, inFull))));
        return tables;
    }

    private static List<List<String>> rows(List<List<Result>> columns, boolean inFull) {
        var head = new ArrayList<String>();
        head.add("");
        var rows = new LinkedHashMap<String, List<String>>();
        Set<String> systems = new LinkedHashSet<>();
        columns.forEach(figure -> figure.forEach(r -> systems.add(r.system())));
        for (String system : systems) {
            rows.put(system, new ArrayList<>(List.of(system)));
        }
        for (List<Result> figure : columns) {
            Result first = figure.getFirst();
            head.add(first.work().column(first.figure()));
            for (Map.Entry<String, List<String>> row : rows.entrySet()) {
                row.getValue().add(figure.stream().filter(r -> r.system().equals(row.getKey())).findFirst()
                        .map(r -> inFull ? r.textWithQuartiles() + ratio(first, r) : r.text()).orElse(""));
            }
        }
        var all = new ArrayList<List<String>>();
        all.add(head);
        all.addAll(rows.values());
        return all;
    }

    private static String ratio(Result first, Result other) {
        if (first.equals(other) || first.work().isPercentiles() && !first.figure().endsWith(" p50")) return "";
        if (first.work().mayBeZero(first.figure())) return "";
        Result ratio = first.advantageOver(other);
        return ratio.isShown() ? " " + ratio.text() + "x" : "";
    }

    /// Whether anything in it is not left out.
    boolean hasFigures() {
        return rows.stream().skip(1).flatMap(row -> row.stream().skip(1))
                .anyMatch(cell -> !cell.isEmpty() && !cell.equals("\u2014"));
    }

    /// In Markdown.
    String markdown() {
        return markdown(rows);
    }

    static String markdown(List<List<String>> rows) {
        var text = new StringBuilder();
        for (List<String> row : rows) {
            text.append("| ").append(String.join(" | ", row)).append(" |\n");
            if (row == rows.getFirst()) {
                text.append("|---".repeat(row.size())).append("|\n");
            }
        }
        return text.toString().replaceAll("\\|  (?=\\|)", "| ");
    }
}
