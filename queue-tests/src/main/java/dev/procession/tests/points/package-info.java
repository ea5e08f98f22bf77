/// One process that is stopped or killed before one step on shared memory: each step that the class files have, in each
/// role and state of the queue.
@NullMarked
package dev.procession.tests.points;

import org.jspecify.annotations.NullMarked;
