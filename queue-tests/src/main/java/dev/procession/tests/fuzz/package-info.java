/// Queue files that are damaged before and during their use: each call must give a value or a QueueException, in little
/// time and memory.
@NullMarked
package dev.procession.tests.fuzz;

import org.jspecify.annotations.NullMarked;
