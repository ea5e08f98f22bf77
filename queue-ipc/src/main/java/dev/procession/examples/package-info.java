/// The same ten hellos four times: by threads; by processes; by processes that need a list, and do not share it; by
/// processes that share a queue.
@NullMarked
package dev.procession.examples;

import org.jspecify.annotations.NullMarked;
