/// The Spin models of queue-core and their mutants, run as `runs.txt` says.
@NullMarked
package dev.procession.tests.model;

import org.jspecify.annotations.NullMarked;
