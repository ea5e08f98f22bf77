/// Tests of the command that checks the queue's models.
@NullMarked
package dev.procession.tests.model;

import org.jspecify.annotations.NullMarked;
