/// The order in which this library's parts end when their process does. It knows none of them.
@NullMarked
package dev.procession.shutdown;

import org.jspecify.annotations.NullMarked;
