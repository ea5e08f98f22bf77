package dev.procession.cli;

import java.io.Console;
import java.io.PrintStream;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// How far something has come: a bar on a terminal, else a line every few seconds.
final class Progress implements AutoCloseable {
    private static final int BAR_COLUMNS = 72;
    private static final int BAR_MILLIS = 100;
    private static final long LINE_NANOS = 5_000_000_000L;

    private final PrintStream out;
    private final long steps;
    private final @Nullable ProgressBar bar; // null: lines
    private long lastLine = System.nanoTime();

    /// @param out where to show it, the standard output if that is a terminal
    Progress(String task, long steps, PrintStream out) {
        this.out = out;
        this.steps = steps;
        Console console = System.console(); // there is one if standard input and output are a terminal
        boolean terminal = out == System.out && console != null && console.isTerminal();
        // The consumer gets a width, for the library's own search for it loads a terminal library: 0.2 s.
        bar = terminal
                ? new ProgressBarBuilder()
                        .setTaskName(task)
                        .setInitialMax(steps)
                        .setStyle(ProgressBarStyle.ASCII)
                        .setUpdateIntervalMillis(BAR_MILLIS)
                        .setConsumer(new ConsoleProgressBarConsumer(out, BAR_COLUMNS))
                        .clearDisplayOnFinish()
                        .build()
                : null;
    }

    void stepTo(long step) {
        if (bar != null) {
            bar.stepTo(step);
        } else if (System.nanoTime() - lastLine > LINE_NANOS) {
            lastLine = System.nanoTime();
            out.printf(Locale.ROOT, "%,d of %,d%n", step, steps);
        }
    }

    @Override
    public void close() {
        if (bar != null) bar.close();
    }
}
