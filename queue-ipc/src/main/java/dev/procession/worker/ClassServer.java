package dev.procession.worker;

import static dev.procession.classes.ParentClassLoader.CLASS;
import static dev.procession.classes.ParentClassLoader.CONTENT;
import static dev.procession.classes.ParentClassLoader.FAILED;
import static dev.procession.classes.ParentClassLoader.FIRST;
import static dev.procession.classes.ParentClassLoader.FOUND;
import static dev.procession.classes.ParentClassLoader.MISSING_CLASS;
import static dev.procession.classes.ParentClassLoader.NOT_FOUND;
import static dev.procession.classes.ParentClassLoader.OWN;
import static dev.procession.classes.ParentClassLoader.RESOURCES;
import static dev.procession.classes.ParentClassLoader.STREAM;

import dev.procession.classes.ParentClassLoader;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/// In a parent, what gives workers the classes that they cannot find by themselves: those of class loaders other than
/// the system's, as Spring Boot, JShell, `java Hello.java`, Maven and many others have them. A worker has a
/// [ParentClassLoader] for each, and asks, by the socket in the [ClassDirectory]. A parent whose tasks are on its class
/// path never needs any of this.
final class ClassServer {
    /// Why a loader may not give the bytes of a class that it has. It does not tell.
    static final String NOT_GIVEN = "their file is gone, the class was made at run time, or the loader has been closed";
    /// The numbers by which workers name our loaders. A number is not used again, and keeps no loader from being
    /// collected.
    /// All three are guarded by it.
    private static final WeakHashMap<ClassLoader, Integer> numbers = new WeakHashMap<>();
    private static final Map<Integer, WeakReference<ClassLoader>> loaders = new HashMap<>();
    private static int lastNumber;

    private ClassServer() {}

    // ---- loaders and their classes

    /// @return 0 if each worker has that loader, or one just like it
    static int number(@Nullable ClassLoader loader) {
        for (ClassLoader common = ClassLoader.getSystemClassLoader(); loader != common; common = common.getParent()) {
            if (common == null) {
                synchronized (numbers) {
                    Integer number = numbers.get(loader);
                    if (number == null) {
                        number = ++lastNumber;
                        loaders.values().removeIf(each -> each.refersTo(null));
                        numbers.put(loader, number);
                        loaders.put(number, new WeakReference<>(loader));
                    }
                    return number;
                }
            }
        }
        return 0;
    }

    static @Nullable ClassLoader loader(int number) {
        synchronized (numbers) {
            WeakReference<ClassLoader> loader = loaders.get(number);
            return loader == null ? null : loader.get();
        }
    }

    /// What a class is made from, as far as its loader tells.
    ///
    /// @return null if it does not tell: see [#NOT_GIVEN]
    static @Nullable InputStream open(Class<?> type) {
        String file = type.getName().replace('.', '/') + ".class";
        try {
            ClassLoader loader = type.getClassLoader();
            if (loader instanceof ParentClassLoader parents) return parents.open(type.getName());
            if (loader instanceof URLClassLoader urls) {
                URL own = urls.findResource(file);
                URL first = urls.getResource(file);
                if (own != null && (first == null || !first.toString().equals(own.toString()))) {
                    return own.openStream(); // it loads its own classes before its parent's, but not resources
                }
            }
            if (type.getModule().isNamed()) {
                InputStream in = type.getModule().getResourceAsStream(file);
                if (in != null) return in;
            }
            return loader == null ? ClassLoader.getSystemResourceAsStream(file) : loader.getResourceAsStream(file);
        } catch (IOException e) {
            return null;
        }
    }

    // ---- serving

    static void serve(ServerSocketChannel server) throws IOException {
        Selector selector = Selector.open();
        boolean isServed = false;
        try {
            server.configureBlocking(false);
            server.register(selector, SelectionKey.OP_ACCEPT);
            start("procession classes", new Listener(server, selector));
            isServed = true;
        } finally {
            if (!isServed) selector.close();
        }
    }

    private static void start(String name, Runnable body) {
        ThreadGroup all = Thread.currentThread().getThreadGroup();
        while (all.getParent() != null) {
            // some, as Maven's exec:java, interrupt all threads of theirs, and a channel ends then
            all = all.getParent();
        }
        Thread thread = new Thread(all, body, name, 0, false);
        thread.setDaemon(true);
        thread.setContextClassLoader(null); // it outlives the code that happens to be the first to need it
        thread.start();
    }

    /// A channel that blocks in `accept` is closed by an interrupt, and some code interrupts all threads that it finds.
    private record Listener(ServerSocketChannel server, Selector selector) implements Runnable {
        @Override
        public void run() {
            while (true) {
                try {
                    selector.select();
                    boolean unused = Thread.interrupted();
                    selector.selectedKeys().clear();
                    SocketChannel worker = server.accept();
                    if (worker == null) continue;
                    try {
                        start("procession classes of a worker", new Connection(worker));
                    } catch (OutOfMemoryError e) { // the system has no more threads: the worker is told so by the end
                        worker.close();
                    }
                } catch (ClosedChannelException e) {
                    return;
                } catch (IOException e) { // no file descriptors left; perhaps there are some in a while
                    LockSupport.parkNanos(100_000_000);
                }
            }
        }
    }

    private record Connection(SocketChannel worker) implements Runnable {
        @Override
        public void run() {
            try (worker) {
                DataInputStream in = new DataInputStream(new BufferedInputStream(Channels.newInputStream(worker)));
                for (int request; (request = in.read()) >= 0;) {
                    int number = in.readInt();
                    String name = String.valueOf(ParentClassLoader.readText(in));
                    byte[] answer = answer((byte) request, number, name, in.readInt());
                    Channels.newOutputStream(worker).write(answer);
                }
            } catch (IOException e) {
                // The worker has ended.
            }
        }
    }

    private static byte[] answer(byte request, int number, String name, int index) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        try {
            ClassLoader loader = loader(number);
            if (loader == null) {
                fail(out, "the parent process no longer has the class loader that it came from");
            } else {
                switch (request) {
                    case CLASS, MISSING_CLASS -> writeClass(out, number, loader, name, request == MISSING_CLASS);
                    case RESOURCES -> writeResources(out, loader, name, index);
                    case CONTENT -> writeContent(out, loader, name, index);
                    default -> fail(out, "request=" + request);
                }
            }
        } catch (Throwable e) { // whatever a foreign loader may throw: the worker gets it
            bytes.reset();
            fail(out, "the parent process's class loader fails with " + Failure.text(e));
        }
        return bytes.toByteArray();
    }

    private static void fail(DataOutputStream out, String reason) throws IOException {
        out.writeByte(FAILED);
        ParentClassLoader.writeText(out, reason);
    }

    private static void writeClass(DataOutputStream out, int number, ClassLoader loader, String name, boolean missing)
            throws IOException {
        Class<?> type;
        try {
            type = name.startsWith("[") ? null : Class.forName(name, false, loader);
        } catch (ClassNotFoundException e) {
            type = null;
        }
        ClassLoader definer = type == null ? null : type.getClassLoader();
        int definerNumber = number(definer);
        if (type == null || missing && (definer == null || definer == ClassLoader.getPlatformClassLoader())) {
            out.writeByte(NOT_FOUND);
        } else if (definerNumber == 0 && !missing) {
            out.writeByte(OWN);
        } else {
            try (InputStream in = open(type)) {
                if (in == null) {
                    fail(out, "its class loader in the parent process (" + definer + ") does not give its bytes: "
                            + NOT_GIVEN);
                    return;
                }
                byte[] content = in.readAllBytes();
                out.writeByte(FOUND);
                out.writeInt(definerNumber == 0 ? number : definerNumber);
                out.writeInt(content.length);
                out.write(content);
            }
            CodeSource source = type.getProtectionDomain().getCodeSource();
            URL location = source == null ? null : source.getLocation();
            ParentClassLoader.writeText(out, location == null ? null : location.toString());
            Package own = type.getPackage();
            ParentClassLoader.writeText(out, own.getSpecificationTitle());
            ParentClassLoader.writeText(out, own.getSpecificationVersion());
            ParentClassLoader.writeText(out, own.getSpecificationVendor());
            ParentClassLoader.writeText(out, own.getImplementationTitle());
            ParentClassLoader.writeText(out, own.getImplementationVersion());
            ParentClassLoader.writeText(out, own.getImplementationVendor());
        }
    }

    private static void writeResources(DataOutputStream out, ClassLoader loader, String name, int index)
            throws IOException {
        List<URL> all = new ArrayList<>();
        if (index == FIRST) {
            URL first = loader.getResource(name);
            if (first != null) {
                all.add(first);
            }
        } else {
            all.addAll(Collections.list(loader.getResources(name)));
        }
        out.writeByte(FOUND);
        out.writeInt(all.size());
        for (URL each : all) {
            ParentClassLoader.writeText(out, each.toString());
        }
    }

    private static void writeContent(DataOutputStream out, ClassLoader loader, String name, int index)
            throws IOException {
        try (InputStream in = switch (index) {
            case STREAM -> loader.getResourceAsStream(name);
            case FIRST -> open(loader.getResource(name));
            default -> {
                List<URL> all = Collections.list(loader.getResources(name));
                yield open(index < all.size() ? all.get(index) : null);
            }
        }) {
            if (in == null) {
                out.writeByte(NOT_FOUND);
                return;
            }
            byte[] content = in.readAllBytes();
            out.writeByte(FOUND);
            out.writeInt(0);
            out.writeInt(content.length);
            out.write(content);
        }
    }

    private static @Nullable InputStream open(@Nullable URL url) throws IOException {
        return url == null ? null : url.openStream();
    }
}
