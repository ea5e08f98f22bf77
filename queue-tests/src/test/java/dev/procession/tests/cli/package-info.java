/// The command line, as a user runs it.
@NullMarked
package dev.procession.tests.cli;

import org.jspecify.annotations.NullMarked;
