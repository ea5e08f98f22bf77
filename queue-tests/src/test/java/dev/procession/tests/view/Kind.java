package dev.procession.tests.view;

import dev.procession.QueueOptions;
import java.util.function.UnaryOperator;

/// How a queue is used.
enum Kind {
    SHARED(QueueOptions::shared), EXCLUSIVE(QueueOptions::exclusive), LEASED(QueueOptions::leased), FEW_ATTEMPTS(
            options -> options.leased().withMaxAttempts(2)), BOUNDED(options -> options.withMaxItems(1_000));

    private final UnaryOperator<QueueOptions> change;

    Kind(UnaryOperator<QueueOptions> change) {
        this.change = change;
    }

    QueueOptions options(QueueOptions from) {
        return change.apply(from);
    }
}
