/// JMH benchmarks of single calls, in one thread. What processes do to each other is measured by
/// `dev.procession.bench`.
///
/// Not null-marked: JMH fills the fields, in `@Setup` methods.
package dev.procession.bench.micro;
