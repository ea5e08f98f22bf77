/// WorkerPool, with real processes.
@NullMarked
package dev.procession.tests.pool;

import org.jspecify.annotations.NullMarked;
