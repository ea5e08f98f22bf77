package dev.procession.worker;

import java.io.IOException;
import java.io.InputStream;
import java.io.ObjectOutputStream;
import java.io.OutputStream;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// The classes that a task takes to its worker. Each of them is looked for when the task is packed, so that a task
/// whose classes cannot get there fails in [Worker#start()]. It keeps their loaders from being collected: the worker
/// may ask for more of what they have.
final class TaskClasses {
    /// Whether a loader that each worker has finds the file of a class: then the worker finds it as well. Of a system
    /// class loader of the application's own (`java.system.class.loader`) we cannot tell.
    private static final ClassValue<Boolean> isOnPath = new ClassValue<>() {
        @Override
        protected Boolean computeValue(Class<?> type) {
            ClassLoader loader = type.getClassLoader();
            boolean isJdks = loader == null || loader.getClass().getModule() == Object.class.getModule();
            return !isJdks || loader == null || loader == ClassLoader.getPlatformClassLoader() || isGiven(type);
        }
    };

    private final String workerName;
    private final Set<ClassLoader> loaders = new HashSet<>();
    private boolean hasSnippets;

    TaskClasses(String workerName) {
        this.workerName = workerName;
    }

    /// @return the number of the class's loader
    /// @throws IllegalArgumentException if the worker cannot get that class
    int require(Class<?> type) {
        while (type.isArray()) {
            type = type.getComponentType();
        }
        int number = type.isPrimitive() ? 0 : require(type.getClassLoader());
        if (type.isPrimitive() || !type.isHidden() && (number == 0 ? isOnPath.get(type) : isGiven(type))) {
            hasSnippets |= JShellVariables.isSnippet(type.getName());
            return number;
        }
        throw new IllegalArgumentException(
                "Worker \"" + workerName + "\" cannot have class " + type.getName() + " of its task: "
                        + (type.isHidden()
                                ? "it was made at run time, and hidden classes cannot be found by their names"
                                : "its class loader (" + type.getClassLoader()
                                        + ") does not give its bytes, as the resource "
                                        + type.getName().replace('.', '/') + ".class: " + ClassServer.NOT_GIVEN)
                        + ". Use a class that is on the class path or whose loader gives them.");
    }

    /// @return the number of that loader
    int require(@Nullable ClassLoader loader) {
        int number = ClassServer.number(loader);
        if (number != 0) {
            loaders.add(loader);
        }
        return number;
    }

    /// When the worker has ended.
    void release() {
        loaders.clear();
    }

    /// Whether the worker has to ask us.
    boolean areServed() {
        return !loaders.isEmpty();
    }

    /// Whether there are some that a user of JShell has typed in.
    boolean haveSnippets() {
        return hasSnippets;
    }

    private static boolean isGiven(Class<?> type) {
        try (InputStream in = ClassServer.open(type)) {
            return in != null;
        } catch (IOException e) {
            return false;
        }
    }

    /// Java serialization, in which each class names its loader.
    ObjectOutputStream objectStream(OutputStream out) throws IOException {
        return new ObjectOutputStream(out) {
            @Override
            protected void annotateClass(Class<?> type) throws IOException {
                writeInt(require(type));
            }

            @Override
            protected void annotateProxyClass(Class<?> proxy) throws IOException {
                writeInt(require(proxy.getClassLoader()));
                for (Class<?> each : proxy.getInterfaces()) {
                    writeInt(require(each));
                }
            }
        };
    }
}
