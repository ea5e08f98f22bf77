/// Tests of [dev.procession.tests.fuzz].
@NullMarked
package dev.procession.tests.fuzz;

import org.jspecify.annotations.NullMarked;
