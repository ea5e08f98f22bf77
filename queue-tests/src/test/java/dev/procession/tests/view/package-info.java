/// A queue as a `BlockingQueue`.
@NullMarked
package dev.procession.tests.view;

import org.jspecify.annotations.NullMarked;
