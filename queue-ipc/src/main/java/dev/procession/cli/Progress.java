package dev.procession.cli;

import java.io.Console;
import java.io.PrintStream;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// How far a command has come: a bar on a terminal; elsewhere a line every few seconds, or nothing.
public final class Progress implements AutoCloseable {
    private static final int BAR_COLUMNS = 72;
    private static final int BAR_MILLIS = 100;
    private static final long LINE_NANOS = 5_000_000_000L;

    private final @Nullable ProgressBar bar;
    private final @Nullable PrintStream lines; // what is printed instead of a bar; null: nothing
    private final long steps;
    private long lastLine = System.nanoTime();

    private Progress(@Nullable ProgressBarBuilder bar, @Nullable PrintStream lines, String task, long steps) {
        this.bar = bar == null ? null : bar
                .setTaskName(task)
                .setInitialMax(steps)
                .setStyle(ProgressBarStyle.ASCII)
                .clearDisplayOnFinish()
                .build();
        this.lines = lines;
        this.steps = steps;
    }

    /// Part of what a command prints: a bar, or a line every few seconds.
    ///
    /// @param out where to show it; only the standard output can have a bar
    public static Progress in(PrintStream out, String task, long steps) {
        return out == System.out && isTerminal() ? new Progress(bar(out), null, task, steps)
                : new Progress(null, out, task, steps);
    }

    /// Beside what a command prints, on stderr, and only if a person is watching.
    ///
    /// @param unit what the steps are, with a space before it; may be empty
    public static Progress onStderr(String task, long steps, String unit) {
        return new Progress(isTerminal() ? bar(System.err).setUnit(unit, 1) : null, null, task, steps);
    }

    /// The same, but drawn by [#next] only: for commands that measure in between.
    public static Progress drawnByNext(String task, long steps) {
        var bar = isTerminal() ? new ProgressBarBuilder().setUpdateIntervalMillis(Integer.MAX_VALUE) : null;
        return new Progress(bar, null, task, steps);
    }

    /// There is a console if standard input and output are a terminal.
    private static boolean isTerminal() {
        Console console = System.console();
        return console != null && console.isTerminal();
    }

    /// The consumer gets a width, for the library's own search for it loads a terminal library: 0.2 s.
    private static ProgressBarBuilder bar(PrintStream out) {
        return new ProgressBarBuilder()
                .setUpdateIntervalMillis(BAR_MILLIS)
                .setConsumer(new ConsoleProgressBarConsumer(out, BAR_COLUMNS));
    }

    /// So many steps are done.
    public void stepTo(long step) {
        if (bar != null) {
            bar.stepTo(step);
        } else if (lines != null && System.nanoTime() - lastLine > LINE_NANOS) {
            lastLine = System.nanoTime();
            lines.printf(Locale.ROOT, "%,d of %,d%n", step, steps);
        }
    }

    /// The step that begins now.
    public void next(String what) {
        if (bar == null) return;
        bar.setExtraMessage(" " + what);
        bar.refresh();
        bar.step();
    }

    @Override
    public void close() {
        if (bar != null) bar.close();
    }
}
