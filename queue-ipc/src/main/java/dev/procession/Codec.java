package dev.procession;

import dev.procession.codec.BasicFormats;
import dev.procession.codec.ObjectFormat;
import dev.procession.codec.RecordFormat;
import java.io.IOException;
import java.io.Serializable;

/// How the items of a [SharedQueue] become bytes, and bytes items again. The reader chooses the codec, never the
/// message.
///
/// | codec | items | bytes of a message |
/// |---|---|---|
/// | [#bytes()] | `byte[]` | as they are |
/// | [#utf8()] | `String` | UTF-8 |
/// | [#int32()], [#int64()], [#float64()] | `Integer`, `Long`, `Double` | 4 or 8 |
/// | [#int32s()], [#int64s()] | `int[]`, `long[]` | 4 or 8 for each |
/// | [#float32s()], [#float64s()] | `float[]`, `double[]` | 4 or 8 for each |
/// | [#record(Class)] | records of numbers, strings, enums, arrays, lists, records | compact |
/// | [#object(Class...)] | objects of any class that the caller lists | by the Kryo library |
///
/// A codec of one's own is three methods:
///
/// {@snippet file="ExamplesTest.java" region="codec"}
///
/// It is serializable, because a queue that a task captures takes its codec
/// along to the other process. The codecs here may be used by any number of threads at once, and so must be any other
/// codec that is shared by them.
///
/// @param <E> the class of the items; no codec takes `null`
public interface Codec<E> extends Serializable {
    /// The name of the byte format. It is kept in the queue's file when that is made and compared when it is opened,
    /// so that a reader with another codec is told so instead of reading nonsense. Two codecs have the same name if
    /// and only if they understand each other's bytes.
    ///
    /// @return 1 to 64 bytes of UTF-8, the same at every call
    String name();

    /// Appends the bytes of one item. An exception thrown here fails the put in its caller, and nothing is queued;
    /// what was already appended is then ignored.
    ///
    /// @param value the item
    /// @param to    where its bytes go
    /// @throws NullPointerException if the item is null
    /// @throws IllegalArgumentException if the item cannot be encoded
    /// @throws MessageTooLargeException if it is too large
    /// @throws IOException for codecs that write to a stream; none of the codecs here throws it
    void encode(E value, Encoder to) throws IOException;

    /// Makes an item of a message, which is valid during this call only.
    ///
    /// @param from the message
    /// @return the item, never null
    /// @throws IOException if these bytes are not an item in this codec's format; the codecs here throw nothing else,
    ///                     whatever the bytes
    E decode(Decoder from) throws IOException;

    /// Plain bytes.
    ///
    /// @return the codec "bytes"
    static Codec<byte[]> bytes() {
        return new FormatCodec<>(new BasicFormats.Bytes());
    }

    /// Strings as UTF-8. A string with half of a surrogate pair cannot be encoded, and bytes that are not UTF-8 are
    /// not decoded; neither is silently replaced.
    ///
    /// @return the codec "utf8"
    static Codec<String> utf8() {
        return new FormatCodec<>(new BasicFormats.Utf8());
    }

    /// Ints, 4 bytes in the machine's order.
    ///
    /// @return the codec "int32"
    static Codec<Integer> int32() {
        return new FormatCodec<>(new BasicFormats.Int32());
    }

    /// Longs, 8 bytes in the machine's order.
    ///
    /// @return the codec "int64"
    static Codec<Long> int64() {
        return new FormatCodec<>(new BasicFormats.Int64());
    }

    /// Doubles, 8 bytes in the machine's order.
    ///
    /// @return the codec "float64"
    static Codec<Double> float64() {
        return new FormatCodec<>(new BasicFormats.Float64());
    }

    /// Arrays of ints, 4 bytes an element in the machine's order, and no length: that is the message's.
    ///
    /// @return the codec "int32s"
    static Codec<int[]> int32s() {
        return new FormatCodec<>(new BasicFormats.Int32s());
    }

    /// Arrays of longs, 8 bytes an element in the machine's order, and no length: that is the message's. For a stream
    /// of numbers, each of which is too small for a message of its own: an array is copied as a whole, so that some
    /// dozens of numbers cost little more than one. An empty one is an item, too.
    ///
    /// {@snippet file="ExamplesTest.java" region="numbers"}
    ///
    /// @return the codec "int64s"
    static Codec<long[]> int64s() {
        return new FormatCodec<>(new BasicFormats.Int64s());
    }

    /// Arrays of floats, 4 bytes an element in the machine's order, and no length: that is the message's.
    ///
    /// @return the codec "float32s"
    static Codec<float[]> float32s() {
        return new FormatCodec<>(new BasicFormats.Float32s());
    }

    /// Arrays of doubles, 8 bytes an element in the machine's order, and no length: that is the message's.
    ///
    /// @return the codec "float64s"
    static Codec<double[]> float64s() {
        return new FormatCodec<>(new BasicFormats.Float64s());
    }

    /// Records of one class, fast and compact: nothing but the values is written, and nothing but this class (and
    /// the classes of its components, which are known beforehand) is ever instantiated.
    ///
    /// A component may be: a primitive or its box, a `String`, an enum, an array of primitives, another such record,
    /// a `List` of these (not of primitives), or a [SharedQueue] of `byte[]`, `int[]`, `long[]`, `float[]`, `double[]`,
    /// `String`, `Integer`, `Long`, `Double` or such records, which arrives attached to the same queue, as
    /// [#object(Class...)] says. Components that are not primitive may be null, list elements too. A list is read as an
    /// unmodifiable one. The canonical constructor runs at reading, with whatever values are in the bytes, so a check
    /// in it holds for messages as well.
    ///
    /// The name of the codec covers names, types and order of all components and the constants of enums: another
    /// version of the record is another codec.
    ///
    /// {@snippet file="ExamplesTest.java" region="record"}
    ///
    /// @param type the record; in a named module, its package must be open to the module `dev.procession`
    /// @param <R>  the record
    /// @return the codec
    /// @throws IllegalArgumentException if a component has another type, or the record contains itself; then
    ///                                  [#object(Class...)] can do it
    static <R extends Record> Codec<R> record(Class<R> type) {
        return new FormatCodec<>(new RecordFormat<>(type));
    }

    /// Objects of the listed classes and of harmless classes of the JDK, with everything they refer to: what pickle
    /// is for Python, but reading never instantiates a class that is not on the list.
    ///
    /// {@snippet file="ExamplesTest.java" region="object"}
    ///
    /// On the list may be enums, records, and classes whose superclasses are your own. A sealed type stands for its
    /// permitted subtypes. Always allowed:
    ///
    /// - `String`, the boxes of primitives, `BigInteger`, `BigDecimal`, `UUID`, `Date`, `BitSet`, `OptionalInt`,
    ///   `OptionalLong`, `OptionalDouble`
    /// - of `java.time`: `Duration`, `Period`, `Instant`, `LocalDate`, `LocalTime`, `LocalDateTime`, `OffsetTime`,
    ///   `OffsetDateTime`, `ZonedDateTime`, `ZoneOffset` and other `ZoneId`s, `Year`, `YearMonth`, `MonthDay`
    /// - `Optional`; `ArrayList`, `LinkedList`, `ArrayDeque`, `HashSet`, `LinkedHashSet`, `HashMap`, `LinkedHashMap`,
    ///   `ConcurrentHashMap`; `TreeSet` and `TreeMap` in natural order; what `List.of`, `Set.of`, `Map.of` and their
    ///   `copyOf`, `Stream.toList`, `Arrays.asList` and `Collections.empty...`, `singleton...` and
    ///   `unmodifiableList/Set/Map` return
    /// - `StackTraceElement`, and [StandInException]
    /// - arrays, of one or two dimensions, of primitives, of `Object`, of the classes in the first two lines and of the
    ///   listed ones
    ///
    /// All fields travel but static and transient ones; no class needs to be `Serializable`, to have a certain
    /// constructor, or to have public fields. No constructor runs at reading, except that of records. What cannot
    /// arrive as it was is refused when it is put, or listed: lambdas, inner classes that use what is around them,
    /// classes with a serialized form of their own, and all other classes of the JDK, such as `Thread`, `Path`,
    /// streams, `EnumMap`, or sorted collections with a comparator. Three things are not seen and do not travel: the
    /// access order of a `LinkedHashMap`; the comparator of a map or set inside `Collections.unmodifiable...`, which
    /// arrives in the order that it had; the element type of the array of `Arrays.asList`.
    ///
    /// *Exceptions*, and errors, may be listed, those of the JDK too:
    /// `Codec.object(OrderFailed.class, IOException.class)`. They arrive with message, cause, suppressed ones, stack
    /// trace and fields. A cause or suppressed one whose class is not listed arrives as a [StandInException], which
    /// prints like it; so an exception of your own that is listed can carry any other.
    ///
    /// *Queues* may be in an item if `SharedQueue.class` is listed. What travels is the address; it arrives as a handle
    /// attached to the same queue, the same one each time while it is reachable. The queue's own codec must be
    /// one without classes, `Codec.record` of a listed record, or `Codec.object` of classes that are all listed. Who
    /// sends a queue keeps it open until it has arrived; if it is gone, reading fails with an `IOException`. The reader
    /// need not close it: it is closed when it is unreachable, with the next queue that is read. To close it
    /// closes it for all in this process that got it from an item. To list `SharedQueue.class` is to let messages say
    /// which of this user's queues are opened.
    ///
    /// An object that is referred to twice arrives as one object. Those in the first two lines do not, and neither does
    /// what is inside the keys of a map or the elements of a set and has a `hashCode` of its own: these arrive as
    /// copies. Cycles are allowed, but cannot close at a record, an `Optional` or an immutable collection, which exist
    /// only when they have all of their parts. Objects may be nested 256 deep.
    ///
    /// The name of the codec covers the listed classes, with the fields they have, in any order.
    ///
    /// @param allowed the classes that may be read and written beside those above; in a named module, their packages
    ///                must be open to the module `com.esotericsoftware.kryo.kryo5`, those of exceptions with fields to
    ///                `dev.procession`
    /// @param <E>     whatever the items have in common, for convenience: it is not checked at reading
    /// @return the codec
    /// @throws IllegalArgumentException if a listed class can never be encoded, such as an interface; says which
    static <E> Codec<E> object(Class<?>... allowed) {
        return new FormatCodec<>(new ObjectFormat<>(allowed));
    }
}
