package dev.procession.bench;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.batik.svggen.SVGGeneratorContext;
import org.apache.batik.svggen.SVGGraphics2D;
import org.apache.batik.svggen.SVGIDGenerator;
import org.jspecify.annotations.Nullable;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.SeriesMarkers;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/// The pictures of a run. A system has the same colour in all of them, and counts with the better of its wait policies.
final class Plots {
    private static final int WIDTH = 960;
    private static final int HEIGHT = 540;
    private static final int PNG_SCALE = 2;
    private static final double MAXIMUM_AT = 5; // one step right of p99.99
    private static final Color INK = new Color(0x1f2328);
    private static final Color GRID = new Color(128, 128, 128, 70);
    /// Not quite white, so that it can be told from everything else that is white.
    private static final Color PAPER = new Color(0xfefefe);

    /// Legible on white and on black. Systems of one family have colours of one family.
    private static final Map<String, Color> COLOURS = Map.ofEntries(
            colour("procession", 0xe03131),
            colour("procession-shared", 0xf08c00),
            colour("procession-shared-each", 0xfcc419),
            colour("procession-leased", 0xa61e4d),
            colour("procession-batch", 0xff8787),
            colour("procession-typed", 0xe64980),
            colour("agrona-many-to-one", 0x1971c2),
            colour("agrona-many-to-one-checked", 0x1971c2),
            colour("agrona-one-to-one", 0x4dabf7),
            colour("agrona-one-to-one-checked", 0x4dabf7),
            colour("aeron-ipc", 0x2f9e44),
            colour("chronicle-queue", 0x94d82d),
            colour("unix-socket", 0x868e96),
            colour("pipe", 0xadb5bd),
            colour("memcpy", 0x845532),
            colour("futex", 0x845532),
            colour("python-queue", 0x0c8599),
            colour("python-simple-queue", 0x3bc9db),
            colour("array-blocking-queue", 0x5f3dc4),
            colour("jctools-mpsc", 0x9775fa),
            colour("jctools-mpmc", 0xd0bfff),
            colour("disruptor", 0xcc5de8));

    private static Map.Entry<String, Color> colour(String system, int rgb) {
        return Map.entry(system, new Color(rgb));
    }

    /// @param name     of its file, without ending
    /// @param caption  what is seen, with what has to be known about it
    record Plot(String name, String caption, Chart<?, ?> chart) {
        /// As a document of its own, on white.
        String svg() {
            return drawn().replace(colour(PAPER), "white");
        }

        /// As a part of a page: in the colour of its text, on its background.
        String inlineSvg() {
            return drawn().replace(colour(PAPER), "none").replace(colour(INK), "currentColor");
        }

        private static String colour(Color colour) {
            return "rgb(" + colour.getRed() + "," + colour.getGreen() + "," + colour.getBlue() + ")";
        }

        private String drawn() {
            try {
                Document document = DocumentBuilderFactory.newInstance().newDocumentBuilder().getDOMImplementation()
                        .createDocument(SVGGraphics2D.SVG_NAMESPACE_URI, "svg", null);
                SVGGeneratorContext context = SVGGeneratorContext.createDefault(document);
                context.setIDGenerator(new SVGIDGenerator() { // ids are unique in a page, too
                    @Override
                    public String generateID(String prefix) {
                        return name + "-" + super.generateID(prefix);
                    }
                });
                context.setComment(null);
                context.setPrecision(2);
                var graphics = new SVGGraphics2D(context, false);
                chart.paint(graphics, WIDTH, HEIGHT);
                Element root = graphics.getRoot();
                root.setAttribute("viewBox", "0 0 " + WIDTH + " " + HEIGHT);
                root.setAttribute("role", "img");
                root.setAttribute("aria-label", chart.getTitle());
                var text = new StringWriter();
                graphics.stream(root, text, false, false);
                return text.toString().substring(text.toString().indexOf("<svg"));
            } catch (ParserConfigurationException | IOException e) {
                throw new IllegalStateException("cannot draw " + name, e);
            }
        }

        void writePng(Path file) throws IOException {
            var image = new BufferedImage(WIDTH * PNG_SCALE, HEIGHT * PNG_SCALE, BufferedImage.TYPE_INT_RGB);
            Graphics2D graphics = image.createGraphics();
            graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
            graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
            graphics.scale(PNG_SCALE, PNG_SCALE);
            chart.paint(graphics, WIDTH, HEIGHT);
            graphics.dispose();
            ImageIO.write(image, "png", file.toFile());
        }
    }

    private final Run run;

    private Plots(Run run) {
        this.run = run;
    }

    static {
        System.setProperty("java.awt.headless", "true");
    }

    /// Whether this machine has what Java needs to draw letters: fontconfig and a font.
    static boolean canDraw() {
        try {
            var image = new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB);
            return image.createGraphics().getFontMetrics(font(Font.PLAIN, 13)).stringWidth("x") > 0;
        } catch (InternalError | LinkageError | RuntimeException e) { // whichever it is in this JDK
            return false;
        }
    }

    /// All plots for which the run has figures.
    static List<Plot> of(Run run) {
        var plots = new Plots(run);
        var all = new ArrayList<Plot>();
        plots.bySize("throughput", "between processes", Plots::isBetweenProcesses).ifPresent(all::add);
        plots.byNumbers().ifPresent(all::add);
        plots.againstLine().ifPresent(all::add);
        plots.percentiles().forEach(all::add);
        if (run.systems().stream().anyMatch(s -> isInOneJvm(s) && !isBetweenProcesses(s))) {
            plots.bySize("throughput-one-jvm", "within one JVM", Plots::isInOneJvm).ifPresent(all::add);
        }
        return all;
    }

    /// Writes each plot as SVG and as PNG.
    static void write(Run run, Path folder) throws IOException {
        if (!canDraw())
            throw new IOException("--plots=" + folder + ": Java finds no fonts; install fontconfig and a font");
        Files.createDirectories(folder);
        for (Plot plot : of(run)) {
            Files.writeString(folder.resolve(plot.name + ".svg"), plot.svg());
            plot.writePng(folder.resolve(plot.name + ".png"));
        }
    }

    private static boolean isInOneJvm(String system) {
        return system.equals("procession") || system.equals("array-blocking-queue") || system.startsWith("jctools")
                || system.equals("disruptor");
    }

    private static boolean isBetweenProcesses(String system) {
        return system.equals("procession") || !isInOneJvm(system) && !system.endsWith("-checked");
    }

    private Optional<Plot> bySize(String name, String where, Predicate<String> isShown) {
        List<Work> works = run.works().stream().filter(w -> w.kind() == Work.Kind.THROUGHPUT && w.producers() == 1
                && w.consumers() == 1 && w.content() == Work.Content.BYTES).toList();
        XYChart chart = new XYChart(WIDTH, HEIGHT);
        chart.setTitle("Throughput of one producer and one consumer, " + where);
        chart.setXAxisTitle("bytes of a message");
        chart.setYAxisTitle("million messages a second");
        style(chart.getStyler()).setXAxisMaxLabelCount(12);
        chart.setCustomXAxisTickLabelsFormatter(Plots::size);
        var all = new ArrayList<Result>();
        for (String system : run.systems().stream().filter(isShown).toList()) {
            List<Result> results = works.stream()
                    .flatMap(w -> run.better(w, w.figures().getFirst(), system).stream()).toList();
            all.addAll(results);
            line(chart, system, results.stream().mapToDouble(r -> log2(r.work().bytes())).toArray(),
                    results.stream().mapToDouble(Result::median).toArray());
        }
        decades(chart.getStyler(), all.stream().mapToDouble(Result::median));
        return plot(name, chart, all, "Both axes are logarithmic. Median of all rounds. Procession always "
                + "works between processes.");
    }

    private Optional<Plot> byNumbers() {
        List<Work> works = run.works().stream().filter(w -> w.bytes() == 16 && w.content() == Work.Content.BYTES
                && (w.kind() == Work.Kind.THROUGHPUT || w.kind() == Work.Kind.PUT_ONLY)).toList();
        var chart = new CategoryChart(WIDTH, HEIGHT);
        chart.setTitle("Throughput by number of producers and consumers, messages of 16 bytes");
        chart.setXAxisTitle("producers (P) on one core, consumers (C) on another");
        chart.setYAxisTitle("million messages a second");
        style(chart.getStyler()).setYAxisMin(0.0).setPlotContentSize(0.98);
        chart.getStyler().setAvailableSpaceFill(0.85);
        List<String> names = works.stream().map(w -> w.figures().getFirst().replace("throughput ", "")).toList();
        List<Result> all = bars(chart, names, works, Result::median);
        return plot("numbers", chart, all, "Put only: producers on both cores, what they put is taken out "
                + "after the clock has stopped. Median of all rounds.");
    }

    private Optional<Plot> againstLine() {
        List<Work> works = run.works().stream().filter(w -> w.kind() == Work.Kind.ROUND_TRIP).toList();
        var chart = new CategoryChart(WIDTH, HEIGHT);
        chart.setTitle("Round trip of a message, spinning, against that of a bare cache line");
        chart.setYAxisTitle("times the bare cache line's");
        style(chart.getStyler()).setPlotContentSize(0.98);
        chart.getStyler().setAvailableSpaceFill(0.85);
        List<Result> all = bars(chart, works.stream().map(w -> Report.size(w.bytes()) + ", p50").toList(), works,
                r -> r.ratioToLine().median());
        decades(chart.getStyler(), DoubleStream.concat(DoubleStream.of(1),
                all.stream().mapToDouble(r -> r.ratioToLine().median())));
        return plot("round-trip", chart, all, "The axis is logarithmic and begins at 1, where a message "
                + "would cost nothing beside the travel of its cache line. Median of the ratios of each round.");
    }

    /// For each work whose figures are percentiles.
    private List<Plot> percentiles() {
        return run.works().stream().filter(Work::isPercentiles).flatMap(w -> percentiles(w).stream()).toList();
    }

    private Optional<Plot> percentiles(Work work) {
        var chart = new XYChart(WIDTH, HEIGHT);
        String what = work.figures().getFirst().replaceFirst(" p50$", "");
        chart.setTitle(Character.toUpperCase(what.charAt(0)) + what.substring(1) + ", " + work.bytes()
                + " bytes: percentiles");
        chart.setXAxisTitle("percentile");
        chart.setYAxisTitle("nanoseconds");
        style(chart.getStyler()).setXAxisMin(0.0).setXAxisMax(MAXIMUM_AT);
        chart.setCustomXAxisTickLabelsFormatter(Plots::percentile);
        var all = new ArrayList<Result>();
        for (String system : run.systems()) {
            List<Result> results = run.percentiles(work, system);
            all.addAll(results);
            line(chart, system, results.stream().mapToDouble(r -> at(r.figure())).toArray(),
                    results.stream().mapToDouble(r -> Math.max(1, r.median())).toArray());
        }
        decades(chart.getStyler(), all.stream().mapToDouble(r -> Math.max(1, r.median())));
        return plot(what.replaceAll("[^a-zA-Z0-9]+", "-") + "-" + work.bytes(), chart, all,
                "Each point is the median of "
                        + "that percentile in all rounds. The vertical axis is logarithmic; what the clock took for 0 "
                        + "is drawn as 1.");
    }

    /// Where a figure stands on the axis of HdrHistogram: a nine more is a step to the right; the maximum is the last.
    private static double at(String figure) {
        String percentile = figure.substring(figure.lastIndexOf(' ') + 1);
        if (percentile.equals("max")) return MAXIMUM_AT;
        return 2 - Math.log10(100 - Double.parseDouble(percentile.substring(1)));
    }

    private static String percentile(double at) {
        if (at == MAXIMUM_AT) return "max";
        return at == Math.rint(at) ? plain(100 - Math.pow(10, 2 - at)) + " %" : "";
    }

    private static String size(double log2) {
        if (log2 != Math.rint(log2)) return "";
        long bytes = 1L << (long) log2;
        return bytes >= 1 << 20 ? (bytes >> 20) + " Mi" : bytes >= 1 << 10 ? (bytes >> 10) + " Ki" : bytes + "";
    }

    private static String plain(double value) {
        return BigDecimal.valueOf(value).round(new MathContext(6)).stripTrailingZeros().toPlainString();
    }

    private static double log2(double value) {
        return Math.log(value) / Math.log(2);
    }

    private static void line(XYChart chart, String system, double[] x, double[] y) {
        if (x.length == 0) return;
        XYSeries series = chart.addSeries(system, x, y);
        series.setLineColor(colour(system)).setLineStyle(stroke(system));
        series.setMarker(SeriesMarkers.CIRCLE).setMarkerColor(colour(system));
    }

    /// A group of bars for each work, and in it one for each system. Returns what they show.
    private List<Result> bars(CategoryChart chart, List<String> names, List<Work> works,
            ToDoubleFunction<Result> height) {
        var all = new ArrayList<Result>();
        for (String system : run.systems().stream().filter(Plots::isBetweenProcesses).toList()) {
            List<Optional<Result>> results = works.stream().map(w -> run.better(w, w.figures().getFirst(), system))
                    .toList();
            if (results.stream().anyMatch(Optional::isPresent)) {
                List<@Nullable Double> heights = new ArrayList<>();
                results.forEach(r -> heights.add(r.map(height::applyAsDouble).orElse(null)));
                chart.addSeries(system, names, heights).setFillColor(colour(system));
                results.forEach(r -> r.ifPresent(all::add));
            }
        }
        return all;
    }

    private static Color colour(String system) {
        return COLOURS.getOrDefault(system, Color.GRAY);
    }

    private static BasicStroke stroke(String system) {
        float width = system.equals("procession") ? 4.5f : 2;
        float[] dashes = system.endsWith("-checked") || system.equals("memcpy") ? new float[] {7, 5} : null;
        return new BasicStroke(width, BasicStroke.CAP_ROUND, BasicStroke.JOIN_ROUND, 1, dashes, 0);
    }

    /// A logarithmic axis from one power of ten to another, because only these have labels.
    private static void decades(AxesChartStyler style, DoubleStream values) {
        DoubleSummaryStatistics range = values.summaryStatistics();
        if (range.getCount() == 0) return;
        double below = Math.pow(10, Math.floor(Math.log10(range.getMin())));
        double above = Math.pow(10, Math.ceil(Math.log10(range.getMax())));
        style.setYAxisLogarithmic(true).setYAxisMin(below).setYAxisMax(Math.max(above, 10 * below));
    }

    private static Font font(int style, int size) {
        return new Font(Font.SANS_SERIF, style, size);
    }

    private static AxesChartStyler style(AxesChartStyler style) {
        style.setBaseFont(font(Font.PLAIN, 13));
        style.setChartTitleFont(font(Font.BOLD, 16));
        style.setChartBackgroundColor(PAPER).setPlotBackgroundColor(PAPER).setLegendBackgroundColor(PAPER);
        style.setChartFontColor(INK);
        style.setPlotBorderVisible(false).setLegendBorderColor(PAPER).setLegendPosition(Styler.LegendPosition.OutsideE);
        style.setLegendFont(font(Font.PLAIN, 13)).setMarkerSize(7);
        style.setAxisTitleFont(font(Font.PLAIN, 14));
        style.setAxisTickLabelsFont(font(Font.PLAIN, 13));
        style.setAxisTickLabelsColor(INK).setAxisTickMarksColor(INK);
        style.setDecimalPattern("#,##0.######");
        style.setPlotGridLinesColor(GRID).setPlotGridLinesStroke(new BasicStroke(1));
        return style;
    }

    private static Optional<Plot> plot(String name, Chart<?, ?> chart, List<Result> shown, String caption) {
        if (shown.size() < 2) return Optional.empty();
        long marked = shown.stream().filter(r -> !Report.marks(r).isEmpty()).count();
        return Optional.of(new Plot(name, caption + (marked == 0 ? ""
                : " " + marked + " of the " + shown.size()
                        + " figures shown are marked in the tables."),
                chart));
    }
}
