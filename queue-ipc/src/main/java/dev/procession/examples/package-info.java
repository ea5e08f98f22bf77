/// The same ten hellos four times: by threads; by processes; by processes that need a list, and do not share it; by
/// processes that share a queue. And what more there is: a pool, its use as any executor, a pipeline, leased jobs.
@NullMarked
package dev.procession.examples;

import org.jspecify.annotations.NullMarked;
