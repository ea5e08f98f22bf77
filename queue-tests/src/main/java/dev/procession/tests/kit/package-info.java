/// What most tests share: peers in this JVM and in other processes, messages that can be checked, journals that survive
/// a kill, and the oracle that reads them.
@NullMarked
package dev.procession.tests.kit;

import org.jspecify.annotations.NullMarked;
