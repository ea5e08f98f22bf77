/// Calls to the operating system: files that are locked, mapped and allocated; futexes and an asymmetric fence; CPU
/// affinity. Knows nothing of queues: neither the content of a file nor the queue's exceptions.
///
/// Start at [Platform][dev.procession.core.os.Platform]; [Os][dev.procession.core.os.Os] chooses one of its two
/// implementations.
@NullMarked
package dev.procession.core.os;

import org.jspecify.annotations.NullMarked;
