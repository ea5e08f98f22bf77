/// The command line: the demo, the examples.
@NullMarked
package dev.procession.cli;

import org.jspecify.annotations.NullMarked;
