/// What the tests share: peers in this JVM and in other processes, journals that survive a kill, and the
/// oracle that reads them.
@NullMarked
package dev.procession.tests;

import org.jspecify.annotations.NullMarked;
