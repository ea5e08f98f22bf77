package dev.procession.codec;

import com.esotericsoftware.kryo.kryo5.Kryo;
import com.esotericsoftware.kryo.kryo5.KryoException;
import com.esotericsoftware.kryo.kryo5.Registration;
import com.esotericsoftware.kryo.kryo5.io.Input;
import com.esotericsoftware.kryo.kryo5.objenesis.strategy.StdInstantiatorStrategy;
import com.esotericsoftware.kryo.kryo5.util.DefaultClassResolver;
import com.esotericsoftware.kryo.kryo5.util.MapReferenceResolver;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Kryo as [ObjectGraph] says, for its serializers: knows where in a graph it is, and what may be referred to from
/// there.
abstract class BoundedKryo extends Kryo {
    /// A thread with a stack of 256 KiB can do it. Python's pickle gives up at about 500.
    static final int MAX_DEPTH = 256;

    /// How many keys and set elements we are inside of.
    int keyDepth;

    /// The objects that we are inside of while writing and that will exist for the reader only when it has all of
    /// their parts.
    final ArrayList<Object> unfinished = new ArrayList<>();

    /// What the message that is being written has in place of throwables that are not listed.
    final Map<Throwable, Throwable> standIns = new IdentityHashMap<>();

    BoundedKryo() {
        super(new NumberedClasses(), new References());
        setRegistrationRequired(true);
        setOptimizedGenerics(false); // a List<Trade> may hold something else, by mistake or by malice
        setMaxDepth(MAX_DEPTH);
        setInstantiatorStrategy(new StdInstantiatorStrategy());
    }

    /// The throwable itself if it is allowed, else what stands for it in this message.
    Throwable orStandIn(Throwable throwable) {
        return getClassResolver().getRegistration(throwable.getClass()) != null
                ? throwable
                : standIns.computeIfAbsent(throwable, ItemTypes.get()::standInFor);
    }

    @SuppressWarnings("unchecked") // as declared by Kryo
    @Nullable
    Object readObject(Input from, Registration registration) {
        return readObject(from, registration.getType(), registration.getSerializer());
    }

    /// Whether each reference to such an object is written out: to a plain value.
    static boolean isNeverShared(Class<?> type) {
        return References.SHARING.get(type) == References.Sharing.NEVER;
    }

    /// Classes are known by number only.
    private static final class NumberedClasses extends DefaultClassResolver {
        @Override
        protected Registration readName(Input from) {
            throw new KryoException("it names a class, which is not allowed");
        }
    }

    /// Which objects are written once and then referred to.
    private static final class References extends MapReferenceResolver {
        private enum Sharing { NEVER, OUTSIDE_OF_KEYS, ALWAYS }

        private static final ClassValue<Sharing> SHARING = new ClassValue<>() {
            @Override
            protected Sharing computeValue(Class<?> type) {
                if (ValueTypes.contain(type) || Enum.class.isAssignableFrom(type)) return Sharing.NEVER;
                if (Throwable.class.isAssignableFrom(type)) {
                    return Sharing.ALWAYS; // one that has no cause refers to itself
                }
                try {
                    boolean isIdentity = type.getMethod("hashCode").getDeclaringClass() == Object.class;
                    return isIdentity ? Sharing.ALWAYS : Sharing.OUTSIDE_OF_KEYS;
                } catch (NoSuchMethodException e) {
                    throw new AssertionError(e); // every class has one
                }
            }
        };

        @Override
        @SuppressWarnings("rawtypes") // as declared by Kryo
        public boolean useReferences(Class type) {
            return switch (SHARING.get((Class<?>) type)) {
                case NEVER -> false;
                case OUTSIDE_OF_KEYS -> ((BoundedKryo) kryo).keyDepth == 0;
                case ALWAYS -> true;
            };
        }

        @Override
        public int getWrittenId(Object object) {
            int id = super.getWrittenId(object);
            if (id != -1) {
                for (Object unfinished : ((BoundedKryo) kryo).unfinished) {
                    if (unfinished == object) {
                        throw new IllegalArgumentException("a " + object.getClass().getTypeName() + " contains itself;"
                                + " records and immutable collections may not");
                    }
                }
            }
            return id;
        }

        @Override
        @SuppressWarnings("rawtypes") // as declared by Kryo
        public Object getReadObject(Class type, int id) {
            Object object = super.getReadObject(type, id);
            if (object == null) throw new KryoException("it refers to an object that is not there yet, number " + id);
            return object;
        }
    }
}
