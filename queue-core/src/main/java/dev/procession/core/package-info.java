/// A queue of byte messages shared by processes: many lanes in one memory-mapped file, one order.
///
/// [LaneQueue][dev.procession.core.LaneQueue] is the place to start. A message's way through the code is
/// [Producer][dev.procession.core.Producer] (put, publish), then [Consumer][dev.procession.core.Consumer] (look) and
/// one of its three taking steps, [exclusive, shared or leased][dev.procession.core.Delivery].
@NullMarked
package dev.procession.core;

import org.jspecify.annotations.NullMarked;
