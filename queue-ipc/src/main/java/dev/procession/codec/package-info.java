/// How items become bytes, and bytes items again: the formats of the codecs. Not exported.
///
/// A [Format][dev.procession.codec.Format] is one of the [basic ones][dev.procession.codec.BasicFormats], that of one
/// [record][dev.procession.codec.RecordFormat], or that of [objects][dev.procession.codec.ObjectFormat] by the Kryo
/// library. Of queues in items this package knows what [ItemTypes][dev.procession.codec.ItemTypes] says.
@NullMarked
package dev.procession.codec;

import org.jspecify.annotations.NullMarked;
