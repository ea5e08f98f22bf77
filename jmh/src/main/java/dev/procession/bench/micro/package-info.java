/// JMH benchmarks of single calls, in one thread. What processes do to each other is measured by `dev.procession.bench`.
@NullMarked
package dev.procession.bench.micro;

import org.jspecify.annotations.NullMarked;
