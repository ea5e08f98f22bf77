/// Many processes that put and get while others of them are stopped and killed at random moments; and what the
/// survivors keep of their throughput, and how soon a lease of a killed process is given to another. And many tasks of
/// a pool, to whose workers that happens.
@NullMarked
package dev.procession.tests.storm;

import org.jspecify.annotations.NullMarked;
