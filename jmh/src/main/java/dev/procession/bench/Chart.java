package dev.procession.bench;

import java.util.List;
import java.util.Locale;

/// Horizontal bars with whiskers, as SVG, for light and for dark pages; the axis is linear and begins at 0.
final class Chart {
    /// @param median  the bar's length; its whisker is from `low` to `high`
    /// @param text    behind it
    record Bar(String name, double low, double median, double high, String text) {}

    private static final int WIDTH = 760;
    private static final int LEFT = 250; // names
    private static final int RIGHT = 200; // texts
    private static final int TOP = 44;
    private static final int ROW = 34;
    private static final int BAR = 18;
    private static final int BOTTOM = 48;
    private static final int MOST_TICKS = 8;
    private static final String HEAD = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">
            <style>
            .c-ink { fill: #1f2328; font: 14px system-ui, sans-serif; } .c-title { font-weight: 600; font-size: 16px; }
            .c-bar { fill: #e03131; } .c-whisker { stroke: #1f2328; stroke-width: 1.5; fill: none; }
            .c-grid { stroke: #8c959f; stroke-width: 0.5; } .c-one { stroke: #8c959f; stroke-width: 2; }
            @media (prefers-color-scheme: dark) { .c-ink { fill: #f0f6fc; } .c-whisker { stroke: #f0f6fc; } }
            </style>
            """;

    private Chart() {}

    /// @param axis  what the axis means
    static String svg(String title, String axis, List<Bar> bars) {
        double most = bars.stream().mapToDouble(bar -> Math.max(1, bar.high)).max().orElse(1);
        double step = step(most);
        double end = Math.ceil(most / step) * step;
        double scale = (WIDTH - LEFT - RIGHT) / end;
        int bottom = TOP + bars.size() * ROW;
        var svg = new StringBuilder(HEAD.formatted(WIDTH, bottom + BOTTOM, escaped(title)));
        text(svg, "c-ink c-title", "start", 0, 20, title);
        for (double at = 0; at <= end + step / 2; at += step) {
            line(svg, at == 1 ? "c-one" : "c-grid", LEFT + at * scale, TOP - 6, LEFT + at * scale, bottom + 4);
            text(svg, "c-ink", "middle", LEFT + at * scale, bottom + 20, Report.plain(at));
        }
        if (step > 1) line(svg, "c-one", LEFT + scale, TOP - 6, LEFT + scale, bottom + 4);
        text(svg, "c-ink", "middle", LEFT + end * scale / 2, bottom + 40, axis);
        for (int i = 0; i < bars.size(); i++) {
            Bar bar = bars.get(i);
            double middle = TOP + i * ROW + ROW / 2.0;
            text(svg, "c-ink", "end", LEFT - 8, middle + 5, bar.name);
            svg.append(String.format(Locale.ROOT,
                    "<rect class=\"c-bar\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>%n", LEFT,
                    middle - BAR / 2.0, bar.median * scale, BAR));
            double low = LEFT + bar.low * scale;
            double high = LEFT + bar.high * scale;
            line(svg, "c-whisker", low, middle, high, middle);
            line(svg, "c-whisker", low, middle - 5, low, middle + 5);
            line(svg, "c-whisker", high, middle - 5, high, middle + 5);
            text(svg, "c-ink", "start", Math.max(high, LEFT + bar.median * scale) + 8, middle + 5, bar.text);
        }
        return svg.append("</svg>\n").toString();
    }

    /// 1, 2 or 5 times a power of ten, so that there are not too many.
    private static double step(double most) {
        for (double step = 0.1;; step *= 10) {
            for (double each : new double[] {step, 2 * step, 5 * step}) {
                if (most / each <= MOST_TICKS) return each;
            }
        }
    }

    private static void line(StringBuilder svg, String type, double x1, double y1, double x2, double y2) {
        svg.append(String.format(Locale.ROOT,
                "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>%n", type, x1, y1, x2, y2));
    }

    private static void text(StringBuilder svg, String type, String anchor, double x, double y, String text) {
        svg.append(String.format(Locale.ROOT, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>%n",
                type, anchor, x, y, escaped(text)));
    }

    static String escaped(Object text) {
        return String.valueOf(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
                .replace("\"", "&quot;");
    }
}
