package dev.procession.tests;

import java.io.Console;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// How far a command has come, on stderr: a bar if a person is watching, else nothing.
final class Progress implements AutoCloseable {
    private static final int COLUMNS = 72;

    private final @Nullable ProgressBar bar;

    /// @param unit what the steps are, with a space before it; may be empty
    Progress(String task, long steps, String unit) {
        Console console = System.console();
        bar = console == null || !console.isTerminal() ? null : new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(steps)
                .setUnit(unit, 1)
                .setStyle(ProgressBarStyle.ASCII)
                .setConsumer(new ConsoleProgressBarConsumer(System.err, COLUMNS))
                .clearDisplayOnFinish()
                .build();
    }

    void stepTo(long step) {
        if (bar != null) bar.stepTo(step);
    }

    @Override
    public void close() {
        if (bar != null) bar.close();
    }
}
