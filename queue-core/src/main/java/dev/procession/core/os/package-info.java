/// What is asked of the operating system: files that are locked, mapped and allocated; futexes and an asymmetric fence;
/// processor sets. It knows nothing of queues: neither what is in a file nor the queue's exceptions.
///
/// Start at [Platform][dev.procession.core.os.Platform]; [Os][dev.procession.core.os.Os] chooses one of the two there
/// are.
@NullMarked
package dev.procession.core.os;

import org.jspecify.annotations.NullMarked;
