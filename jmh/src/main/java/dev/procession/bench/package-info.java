/// Measures Procession against its peers: real processes, each pinned to its core, round by round.
///
/// Read in this order: [Work] says what is measured, [Transport] what a system has to offer, [Child] is the main class
/// of every measured process, [Bench] starts them and takes the samples, [Result] says what may be quoted, [Report]
/// prints it, [Html] makes a page of it, [Readme] what the repository shows.
@NullMarked
package dev.procession.bench;

import org.jspecify.annotations.NullMarked;
