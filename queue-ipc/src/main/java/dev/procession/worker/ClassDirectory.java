package dev.procession.worker;

import dev.procession.classes.ParentClassLoader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.jspecify.annotations.Nullable;

/// Where workers find the [ClassServer] of this process: a directory that is this user's alone, which goes when this
/// process ends; or when another one notices that this was killed. What is too long for a command line, and the jar
/// from which a worker starts that cannot have our own classes otherwise, are there too.
final class ClassDirectory {
    private static final String PREFIX = "procession-parent-";
    private static final String SOCKET = "classes";
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

    private static @Nullable Path directory; // guarded by the class; null: not needed yet

    private ClassDirectory() {}

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
                    ClassLoader loader = ClassDirectory.class.getClassLoader();
                    try (InputStream in = loader == null ? null : loader.getResourceAsStream(file)) {
                        if (in == null) {
                            throw new IOException("the class loader of dev.procession.Worker (" + loader
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
        if (!Files.exists(file)) write(file, content);
        return file;
    }

    /// At once, in whole.
    private static void write(Path file, byte[] content) throws IOException {
        file.toFile().deleteOnExit();
        Path part = Path.of(file + ".part");
        Files.write(part, content);
        Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /// The directory, with the socket in it. It is made anew if the temporary files have been cleaned up.
    private static Path directory() throws IOException {
        Path known = directory;
        if (known != null && Files.exists(known.resolve(SOCKET))) return known;
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
                made = Files.createDirectory(home.resolve(name(tag)), mine); // exclusive: no other process's
            } catch (FileAlreadyExistsException e) {
                continue;
            }
        }
        Path socket = made.resolve(SOCKET);
        ServerSocketChannel server = null;
        try {
            server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            server.bind(UnixDomainSocketAddress.of(socket), 1000);
            ClassServer.serve(server);
        } catch (IOException | UnsupportedOperationException | OutOfMemoryError e) {
            if (server != null) server.close();
            Files.deleteIfExists(socket);
            Files.delete(made);
            throw e;
        }
        made.toFile().deleteOnExit(); // in the opposite order, and after all hooks: until then workers may ask
        socket.toFile().deleteOnExit();
        return made;
    }

    /// Removes what killed processes of this user have left: those that do not listen any more.
    private static void sweep(Path home) {
        try (DirectoryStream<Path> left = Files.newDirectoryStream(home, PREFIX + "*")) {
            for (Path each : left) {
                Path socket = each.resolve(SOCKET);
                if (!ExitRecord.isOurs(each)) continue;
                if (!Files.exists(socket, LinkOption.NOFOLLOW_LINKS) || !isDead(socket)) continue;
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
}
