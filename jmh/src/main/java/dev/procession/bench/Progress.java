package dev.procession.bench;

import java.io.Console;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// How far the bench is, on stderr, if a person is watching. Drawn only between samples, never during one.
final class Progress implements AutoCloseable {
    private final @Nullable ProgressBar bar;

    Progress(int steps) {
        Console console = System.console();
        bar = console == null || !console.isTerminal() ? null : new ProgressBarBuilder()
                .setTaskName("bench")
                .setInitialMax(steps)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(Integer.MAX_VALUE)
                .clearDisplayOnFinish()
                .build();
    }

    /// The step that begins now.
    void next(String what) {
        if (bar != null) {
            bar.setExtraMessage(" " + what);
            bar.refresh();
            bar.step();
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
