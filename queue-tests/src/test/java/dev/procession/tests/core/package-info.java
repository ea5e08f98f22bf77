/// Black-box tests of the queue of byte messages.
@NullMarked
package dev.procession.tests.core;

import org.jspecify.annotations.NullMarked;
