/// What each process did to a queue and when, written so that it survives a kill, and the checker that decides whether
/// one queue could have answered so.
@NullMarked
package dev.procession.tests.history;

import org.jspecify.annotations.NullMarked;
