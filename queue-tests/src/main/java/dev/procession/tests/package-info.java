/// Where the commands of the tests start: `procession stress`, `procession fuzz`, `procession verify-model`. Behind
/// them is one package for each way to look for a fault. They build on each other in one direction:
///
///     jvm <- kit <- history <- storm <- points
///            kit <- fuzz       model       jcstress
@NullMarked
package dev.procession.tests;

import org.jspecify.annotations.NullMarked;
