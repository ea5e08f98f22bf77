package dev.procession;

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
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.URL;
import java.net.URLClassLoader;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.jspecify.annotations.Nullable;

/// In a parent, what gives workers the classes that they cannot find by themselves: those of class loaders other than the
/// system's, as Spring Boot, JShell, `java Hello.java`, Maven and many others have them. A worker has a
/// [ParentClassLoader] for each, and asks. A parent whose tasks are on its class path never needs any of this.
///
/// It listens in a directory that is this user's alone, which goes when this process ends; or when another one notices
/// that this was killed.
final class ClassServer {
    private static final String PREFIX = "procession-parent-";
    private static final String SOCKET = "classes";
    /// Why a loader may not give the bytes of a class that it has. It does not tell.
    static final String NOT_GIVEN = "their file is gone, the class was made at run time, or the loader has been closed";
    private static final String BOOT = "boot.jar";
    private static final String ARGUMENTS = "arguments-";
    /// The longest address of a socket is 107 bytes on Linux and 103 on macOS.
    private static final int LONGEST_SOCKET = 103;
    /// All that a worker needs to ask for the rest of our classes.
    private static final List<String> bootClasses = List.of(
            "ParentClassLoader",
            "ParentClassLoader$Answer",
            "ParentClassLoader$ParentGoneException",
            "ParentResource",
            "ParentResource$Connection");

    /// The numbers by which workers name our loaders. A number is not used again, and keeps no loader from being collected.
    private static final WeakHashMap<ClassLoader, Integer> numbers = new WeakHashMap<>(); // these are guarded by numbers
    private static final Map<Integer, WeakReference<ClassLoader>> loaders = new HashMap<>();
    private static int lastNumber;

    private static @Nullable Path directory; // guarded by the class; null: nobody has needed it

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

    private static @Nullable ClassLoader loader(int number) {
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
            if (loader instanceof ParentClassLoader parents) {
                return parents.open(type.getName());
            }
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

    // ---- the directory

    /// Where workers can ask for classes.
    static synchronized String socket() throws IOException {
        return directory().resolve(SOCKET).toString();
    }

    /// What goes onto the class path of a worker that cannot have our own classes otherwise.
    static synchronized Path bootJar() throws IOException {
        Path jar = directory().resolve(BOOT);
        if (!Files.exists(jar)) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (JarOutputStream out = new JarOutputStream(bytes)) {
                for (String name : bootClasses) {
                    String file = ParentClassLoader.class.getPackageName().replace('.', '/') + "/" + name + ".class";
                    ClassLoader loader = ClassServer.class.getClassLoader();
                    try (InputStream in = loader == null ? null : loader.getResourceAsStream(file)) {
                        if (in == null) {
                            throw new IOException("the class loader of " + Worker.class.getName() + " (" + loader
                                    + ") does not give " + file + " as a resource");
                        }
                        out.putNextEntry(new JarEntry(file));
                        in.transferTo(out);
                    }
                }
            }
            write(jar, bytes.toByteArray());
        }
        return jar;
    }

    /// A file of arguments for the `java` command.
    static synchronized Path argumentFile(byte[] content) throws IOException {
        String name = ARGUMENTS + Integer.toHexString(Arrays.hashCode(content)) + "-" + content.length;
        Path file = directory().resolve(name);
        if (!Files.exists(file)) {
            write(file, content);
        }
        return file;
    }

    /// At once, in whole.
    private static void write(Path file, byte[] content) throws IOException {
        file.toFile().deleteOnExit();
        Path part = Path.of(file + ".part");
        Files.write(part, content);
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /// The directory, with the socket in it. It is made anew if somebody has cleaned up the temporary files.
    private static Path directory() throws IOException {
        Path known = directory;
        if (known != null && Files.exists(known.resolve(SOCKET))) {
            return known;
        }
        IOException failure = new IOException("no directory for this process's socket; tried " + homes());
        for (Path home : homes()) {
            try {
                sweep(home);
                Path made = make(home);
                directory = made;
                return made;
            } catch (IOException | UnsupportedOperationException e) {
                failure.addSuppressed(e);
            }
        }
        throw failure;
    }

    private static Set<Path> homes() {
        Set<Path> homes = new LinkedHashSet<>();
        List<@Nullable String> names = new ArrayList<>();
        names.add(System.getProperty("java.io.tmpdir"));
        names.add(System.getenv("XDG_RUNTIME_DIR"));
        names.addAll(List.of("/dev/shm", "/tmp"));
        for (String name : names) {
            if (name == null || name.isEmpty()) continue;
            try {
                Path home = Path.of(name);
                int length = home.resolve(name(System.nanoTime())).resolve(SOCKET).toString()
                        .getBytes(StandardCharsets.UTF_8).length;
                if (home.isAbsolute() && length <= LONGEST_SOCKET && Files.isWritable(home)) {
                    homes.add(home);
                }
            } catch (InvalidPathException e) {
                // The locale cannot spell it: the next one.
            }
        }
        return homes;
    }

    private static String name(long tag) {
        return PREFIX + ProcessHandle.current().pid() + "-" + Long.toUnsignedString(tag, 36);
    }

    private static Path make(Path home) throws IOException {
        FileAttribute<?>[] mine = home.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? new FileAttribute<?>[] {
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
                }
                : new FileAttribute<?>[0];
        Path made = null;
        for (long tag = System.nanoTime(); made == null; tag++) {
            try {
                made = Files.createDirectory(home.resolve(name(tag)), mine); // exclusive: nobody else's
            } catch (FileAlreadyExistsException e) {
                continue;
            }
        }
        Path socket = made.resolve(SOCKET);
        ServerSocketChannel server = null;
        try {
            server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            server.bind(UnixDomainSocketAddress.of(socket), 1000);
            start("procession classes", new Listener(server));
        } catch (IOException | UnsupportedOperationException | OutOfMemoryError e) {
            if (server != null) {
                server.close();
            }
            Files.deleteIfExists(socket);
            Files.delete(made);
            throw e;
        }
        made.toFile().deleteOnExit(); // in the opposite order, and after all hooks: until then workers may ask
        socket.toFile().deleteOnExit();
        return made;
    }

    /// Removes what killed processes of this user have left behind: those that do not listen any more.
    private static void sweep(Path home) {
        try (DirectoryStream<Path> left = Files.newDirectoryStream(home, PREFIX + "*")) {
            for (Path each : left) {
                Path socket = each.resolve(SOCKET);
                if (!ExitRecord.isOurs(each) || !Files.exists(socket, LinkOption.NOFOLLOW_LINKS) || !isDead(socket))
                    continue;
                try (DirectoryStream<Path> files = Files.newDirectoryStream(each)) {
                    for (Path file : files) {
                        String name = file.getFileName().toString();
                        if (name.equals(SOCKET) || name.startsWith(BOOT) || name.startsWith(ARGUMENTS)) {
                            Files.deleteIfExists(file);
                        }
                    }
                }
                Files.deleteIfExists(each);
            }
        } catch (IOException | RuntimeException e) {
            // Then it stays for the next one.
        }
    }

    private static boolean isDead(Path socket) {
        try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            probe.configureBlocking(false); // it may be stopped
            probe.connect(UnixDomainSocketAddress.of(socket));
            return false;
        } catch (ConnectException e) {
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    // ---- serving

    private static void start(String name, Runnable body) {
        ThreadGroup all = Thread.currentThread().getThreadGroup();
        while (all.getParent() != null) {
            all = all.getParent(); // some, as Maven's exec:java, interrupt all threads of theirs, and a channel ends then
        }
        Thread thread = new Thread(all, body, name, 0, false);
        thread.setDaemon(true);
        thread.setContextClassLoader(null); // it outlives whoever happens to be the first to need it
        thread.start();
    }

    private record Listener(ServerSocketChannel server) implements Runnable {
        @Override
        public void run() {
            while (true) {
                try {
                    SocketChannel worker = server.accept();
                    try {
                        start("procession classes of a worker", new Connection(worker));
                    } catch (OutOfMemoryError e) { // the system has no more threads: the worker is told so by the end
                        worker.close();
                    }
                } catch (ClosedChannelException e) {
                    return;
                } catch (IOException e) { // no file descriptors left; perhaps there are some in a while
                    try {
                        Thread.sleep(100);
                    } catch (InterruptedException interrupted) {
                        return; // somebody wants all threads of this JVM to end
                    }
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
            fail(out, "the parent process's class loader fails with " + e);
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
