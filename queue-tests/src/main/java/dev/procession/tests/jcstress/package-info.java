/// What two threads may see of each other at the queue, tried out millions of times by jcstress. Each test is a queue
/// in a real file, some steps of one actor and some of another, and all results that the promises allow; any other is
/// an error. The results say in order what was got: `1` is the message 1, `-` is none. `JcstressTest` runs them.
@NullMarked
package dev.procession.tests.jcstress;

import org.jspecify.annotations.NullMarked;
