/// JVMs under test: how they are started in great number, with which platform, and with which signals and at which
/// steps on shared memory they are stopped and killed. The steps are woven into a copy of the class file.
@NullMarked
package dev.procession.tests.jvm;

import org.jspecify.annotations.NullMarked;
