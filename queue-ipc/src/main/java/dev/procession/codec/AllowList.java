package dev.procession.codec;

import com.esotericsoftware.kryo.kryo5.Kryo;
import java.io.Externalizable;
import java.io.ObjectInputStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Which classes [ObjectFormat] may be given, and why not.
final class AllowList {
    /// Of their classes, only records, enums and exceptions travel, and queues as addresses.
    private static final Set<String> LIBRARY_PACKAGES = Set.of("dev.procession", "dev.procession.core",
            AllowList.class.getPackageName());

    private static final Module KRYO = Kryo.class.getModule();

    private AllowList() {}

    /// The listed classes that are not allowed anyway, sorted by name, sealed types replaced by their subtypes.
    ///
    /// @throws IllegalArgumentException if one could not be written and read completely
    static Class<?>[] of(Class<?>... listed) {
        var byName = new TreeMap<String, Class<?>>();
        for (Class<?> type : listed) {
            allow(type, byName);
        }
        return byName.values().toArray(Class<?>[]::new);
    }

    private static void allow(Class<?> type, Map<String, Class<?>> byName) {
        if (type.isSealed() && !type.isEnum()) {
            for (Class<?> subtype : type.getPermittedSubclasses()) {
                allow(subtype, byName);
            }
            if (Modifier.isAbstract(type.getModifiers())) return;
        }
        if (isAlwaysAllowed(type)) return;
        String reason = type == ItemTypes.get().queue() ? null : reasonAgainst(type);
        if (reason != null) throw new IllegalArgumentException(type + " cannot be allowed: " + reason);
        byName.put(type.getName(), type);
    }

    private static boolean isAlwaysAllowed(Class<?> type) {
        return ValueTypes.contain(type) || Containers.SERIALIZERS.containsKey(type)
                || type == ItemTypes.get().standIn();
    }

    /// Why objects of this class could not be written and read completely, or null.
    static @Nullable String reasonAgainst(Class<?> type) {
        if (type.isArray()) return "list the class of its elements instead";
        if (type.isEnum()) return null;
        if (Modifier.isAbstract(type.getModifiers())) {
            return "it has no objects of its own; list the classes that implement it";
        }
        if (type.isHidden() || type.isSynthetic()) return "it is a lambda or another generated class";
        if (Proxy.isProxyClass(type)) return "it is a dynamic proxy";
        if (Throwable.class.isAssignableFrom(type)) return reasonAgainstThrowable(type);
        if (SerialFields.isOfJdk(type)) {
            return "it belongs to the JDK and is not one of those that Codec.object(...) always allows";
        }
        if (type == ItemTypes.get().queue()) {
            return "list SharedQueue.class, if the reader may open queues whose addresses are in messages";
        }
        if (LIBRARY_PACKAGES.contains(type.getPackageName()) && !type.isRecord()) return "it is a part of this process";
        if (!type.getModule().isOpen(type.getPackageName(), KRYO)) {
            return "let " + type.getModule() + " open the package " + type.getPackageName() + " to the module "
                    + KRYO.getName();
        }
        if (type.isRecord()) return null;
        for (Class<?> c = type; c != Object.class; c = c.getSuperclass()) {
            if (SerialFields.isOfJdk(c)) return "it extends " + c.getName() + ", whose fields are not accessible";
            if (hasFormOfItsOwn(c)) {
                return c.getName() + " replaces itself in Java serialization, or restores transient fields there, which"
                        + " is not done here; use a class that is no more than its fields";
            }
            for (Field field : c.getDeclaredFields()) {
                if (Modifier.isStatic(field.getModifiers())) continue;
                if (field.isSynthetic()) {
                    return "it is an inner or local class that uses what is around it; make it static";
                }
                if (Modifier.isPublic(type.getModifiers() & field.getModifiers())
                        && !c.getModule().isExported(c.getPackageName())) {
                    // Kryo generates code for these, which then belongs to no module that a package can be opened to
                    return "it has the public field " + field.getName() + ", and " + c.getModule()
                            + " does not export the package " + c.getPackageName()
                            + "; export it, or make it not public";
                }
            }
        }
        return null;
    }

    /// Those of the JDK travel too, by [SerialFields].
    private static @Nullable String reasonAgainstThrowable(Class<?> type) {
        for (Class<?> c = type; !SerialFields.isOfJdk(c); c = c.getSuperclass()) {
            if (hasFormOfItsOwn(c)) {
                return c.getName() + " replaces itself in Java serialization, or restores transient fields there, which"
                        + " is not done here";
            }
            for (Field field : ThrowableSerializer.ownFields(c)) {
                if (field.isSynthetic()) {
                    return "it is an inner or local class that uses what is around it; make it static";
                }
                Module library = AllowList.class.getModule();
                if (!c.getModule().isOpen(c.getPackageName(), library)) {
                    return "let " + c.getModule() + " open the package " + c.getPackageName() + " to the module "
                            + library.getName();
                }
            }
        }
        return null;
    }

    /// Whether the fields of such an object are not all there is to it.
    private static boolean hasFormOfItsOwn(Class<?> type) {
        boolean restores = false;
        for (Method method : type.getDeclaredMethods()) {
            Class<?>[] parameters = method.getParameterTypes();
            if (parameters.length == 0
                    && (method.getName().equals("writeReplace") || method.getName().equals("readResolve"))) {
                return true;
            }
            restores |= method.getName().equals("readObject") && parameters.length == 1
                    && parameters[0] == ObjectInputStream.class;
        }
        return Externalizable.class.isAssignableFrom(type)
                || restores && Arrays.stream(type.getDeclaredFields())
                        .anyMatch(field -> Modifier.isTransient(field.getModifiers()));
    }
}
