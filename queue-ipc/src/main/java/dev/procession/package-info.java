/// Parallel work that feels like threads, done by processes: [Worker][dev.procession.Worker] starts them, and a
/// [SharedQueue][dev.procession.SharedQueue] carries objects between them.
@NullMarked
package dev.procession;

import org.jspecify.annotations.NullMarked;
