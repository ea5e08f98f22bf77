/// Rules of the house, as tests: read from the sources and from the class files.
@NullMarked
package dev.procession.tests.house;

import org.jspecify.annotations.NullMarked;
