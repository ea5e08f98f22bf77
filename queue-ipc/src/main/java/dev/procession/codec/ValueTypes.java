package dev.procession.codec;

import com.esotericsoftware.kryo.kryo5.Kryo;
import com.esotericsoftware.kryo.kryo5.io.Input;
import com.esotericsoftware.kryo.kryo5.io.Output;
import com.esotericsoftware.kryo.kryo5.serializers.ImmutableSerializer;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.MonthDay;
import java.time.OffsetDateTime;
import java.time.OffsetTime;
import java.time.Period;
import java.time.Year;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.BitSet;
import java.util.Date;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.UUID;

/// The classes of plain values that are always allowed.
final class ValueTypes {
    /// It does not matter whether two references to one of these lead to one object, so each of them is written out.
    /// Kryo has given numbers to the first ones itself; the others get theirs in this order.
    static final List<Class<?>> KRYOS = List.of(
            Boolean.class, Byte.class, Short.class, Character.class, Integer.class, Long.class, Float.class,
            Double.class, String.class);
    static final List<Class<?>> MORE = List.of(
            BigInteger.class, BigDecimal.class, UUID.class, Date.class, Duration.class, Period.class, Instant.class,
            LocalDate.class, LocalTime.class, LocalDateTime.class, OffsetTime.class, OffsetDateTime.class,
            ZonedDateTime.class, ZoneOffset.class, ZoneId.of("UTC").getClass(), Year.class, YearMonth.class,
            MonthDay.class, OptionalInt.class, OptionalLong.class, OptionalDouble.class, BitSet.class,
            StackTraceElement.class);

    private ValueTypes() {}

    static boolean contain(Class<?> type) {
        return KRYOS.contains(type) || MORE.contains(type);
    }

    /// Kryo's own asks for the module java.sql.
    static final class Dates extends ImmutableSerializer<Date> {
        @Override
        public void write(Kryo kryo, Output to, Date date) {
            to.writeLong(date.getTime());
        }

        @Override
        public Date read(Kryo kryo, Input from, Class<? extends Date> type) {
            return new Date(from.readLong());
        }
    }

    /// Kryo's own forgets which of two equal times is meant when clocks are set back.
    static final class ZonedDateTimes extends ImmutableSerializer<ZonedDateTime> {
        @Override
        public void write(Kryo kryo, Output to, ZonedDateTime time) {
            to.writeLong(time.toEpochSecond());
            to.writeInt(time.getNano());
            to.writeString(time.getZone().getId());
        }

        @Override
        public ZonedDateTime read(Kryo kryo, Input from, Class<? extends ZonedDateTime> type) {
            var instant = Instant.ofEpochSecond(from.readLong(), from.readInt());
            return instant.atZone(ZoneId.of(from.readString()));
        }
    }
}
