/// Tests of [dev.procession.tests.history].
@NullMarked
package dev.procession.tests.history;

import org.jspecify.annotations.NullMarked;
