/// How a worker gets the classes that its own class path does not have. It depends on nothing but `java.base`, and not
/// on the rest of this library: where that is not on the class path either, it comes in the same way.
@NullMarked
package dev.procession.classes;

import org.jspecify.annotations.NullMarked;
