package dev.procession.bench;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.StringWriter;
import java.util.List;
import java.util.stream.Collectors;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.apache.batik.svggen.SVGGeneratorContext;
import org.apache.batik.svggen.SVGGraphics2D;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.style.CategoryStyler;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/// Bars with whiskers, as SVG; the axis is linear and begins at 0. It fits light and dark pages.
final class Chart {
    /// @param low   the lower end of the whisker
    /// @param high  its upper end; the bar ends in the middle
    /// @param text  the same in words
    record Bar(String name, double low, double high, String text) {
        private String toText() {
            return name + " " + text;
        }

        private double middle() {
            return (low + high) / 2;
        }

        private double whisker() {
            return (high - low) / 2;
        }
    }

    private static final int WIDTH = 760;
    private static final int HEIGHT = 420;
    private static final double ROOM = 1.12; // above the highest whisker
    private static final Color BAR = new Color(0xe03131);
    /// Legible on white and on black.
    private static final Color INK = new Color(0x767d86);
    private static final Color GRID = new Color(128, 128, 128, 90);
    private static final Color NONE = new Color(0, 0, 0, 0);

    static {
        System.setProperty("java.awt.headless", "true");
    }

    private Chart() {}

    /// Whether this machine has what Java needs to draw letters: fontconfig and a font.
    static boolean canDraw() {
        try {
            var image = new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB);
            return image.createGraphics().getFontMetrics(font(Font.PLAIN, 13)).stringWidth("x") > 0;
        } catch (InternalError | LinkageError | RuntimeException e) { // whichever it is in this JDK
            return false;
        }
    }

    /// @param axis  what the axis means
    /// @param bars  one or more
    static String svg(String title, String axis, List<Bar> bars) {
        var chart = new CategoryChart(WIDTH, HEIGHT);
        chart.setTitle(title);
        chart.setYAxisTitle(axis);
        style(chart.getStyler()).setYAxisMax(
                ROOM * bars.stream().mapToDouble(Bar::high).max().orElse(1));
        chart.addSeries("Procession", bars.stream().map(Bar::name).toList(),
                bars.stream().map(Bar::middle).toList(), bars.stream().map(Bar::whisker).toList()).setFillColor(BAR);
        return drawn(chart, title + ": " + bars.stream().map(Bar::toText).collect(Collectors.joining(", ")));
    }

    private static CategoryStyler style(CategoryStyler style) {
        style.setBaseFont(font(Font.PLAIN, 13));
        style.setChartTitleFont(font(Font.BOLD, 16));
        style.setChartBackgroundColor(NONE).setPlotBackgroundColor(NONE).setChartFontColor(INK);
        style.setPlotBorderVisible(false).setLegendVisible(false);
        style.setAxisTitleFont(font(Font.PLAIN, 14));
        style.setAxisTickLabelsFont(font(Font.PLAIN, 13));
        style.setAxisTickLabelsColor(INK).setAxisTickMarksColor(INK).setErrorBarsColor(INK);
        style.setPlotGridLinesColor(GRID).setPlotGridLinesStroke(new BasicStroke(1));
        style.setPlotGridVerticalLinesVisible(false);
        style.setXAxisLabelRotation(20).setYAxisMin(0.0).setDecimalPattern("0.##");
        style.setAvailableSpaceFill(0.6).setLabelsVisible(true).setLabelsFont(font(Font.BOLD, 13))
                .setLabelsPosition(0.5);
        return style;
    }

    /// @param alternative says what is to be seen
    private static String drawn(CategoryChart chart, String alternative) {
        try {
            Document document = DocumentBuilderFactory.newInstance().newDocumentBuilder().getDOMImplementation()
                    .createDocument(SVGGraphics2D.SVG_NAMESPACE_URI, "svg", null);
            SVGGeneratorContext context = SVGGeneratorContext.createDefault(document);
            context.setComment(null);
            context.setPrecision(2);
            var graphics = new SVGGraphics2D(context, false);
            chart.paint(graphics, WIDTH, HEIGHT);
            Element root = graphics.getRoot();
            root.setAttribute("viewBox", "0 0 " + WIDTH + " " + HEIGHT);
            root.setAttribute("role", "img");
            root.setAttribute("aria-label", alternative);
            var text = new StringWriter();
            graphics.stream(root, text, false, false);
            return text.toString().substring(text.toString().indexOf("<svg"));
        } catch (ParserConfigurationException | IOException e) {
            throw new IllegalStateException("cannot draw", e);
        }
    }

    private static Font font(int style, int size) {
        return new Font(Font.SANS_SERIF, style, size);
    }
}
