package dev.procession.worker;

import dev.procession.classes.ParentClassLoader;
import dev.procession.shutdown.ShutdownSequence;
import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.lang.management.ManagementFactory;
import java.net.URISyntaxException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/// An AOT cache (JEP 483) that makes workers start faster: it holds what a JVM otherwise finds out anew each time about
/// the JDK's classes and ours. It is a file of some 18 MB in `$XDG_CACHE_HOME/procession` or `~/.cache/procession`,
/// made in the background by a process of its own when a program that has workers has been up for some seconds, and
/// used from then on. Its name has a checksum of all that it depends on, because the JVM itself checks only a part of
/// that.
///
/// That process has a low priority and ends with the program: then nothing is made, and the next program that is up for
/// long enough makes it. It is not tried where the file could not stay or would not be looked for: without a home
/// directory that is this user's, on a disk that is nearly full or read-only, on the layer of a container that goes
/// with it (unless `XDG_CACHE_HOME` is set).
///
/// It knows nothing of the application's classes, so one file serves all applications on a class path: their workers
/// get our jars first on it, followed by the application's class path as it is. (A JVM uses a cache if its class path
/// begins with the one that the cache was made with.) An application made of modules needs one of its own.
///
/// Whatever is wrong with the file or its folder, workers start without it. `-Ddev.procession.startupCache=off` does
/// that too.
final class AotCache {
    private static final AotCache none = new AotCache(null, "");
    private static final AotCache ours = find();
    private static final AtomicBoolean isMade = new AtomicBoolean();
    private static @Nullable Process maker; // guarded by the class; reachable, or its standard input would be closed

    /// A system property: `off`, or `making` in the process that the cache is made from.
    static final String SWITCH = "dev.procession.startupCache";
    /// The main class of the process that makes one: see [AotCacheMaker].
    private static final String MAKER = "dev.procession.Training";
    /// A program that has just started may be over before a cache is made.
    private static final long YOUNG_MILLIS = 3000;
    /// The file, twice, and what others may want.
    private static final long ROOM_BYTES = 100_000_000;
    /// What stands beside the caches: locked by the process that makes one, and what is not whole yet.
    static final String LOCK = "lock";
    static final String PART = "making";

    /// Where the cache is, or will be; empty if it was tried and cannot be made; null if there is none.
    private final @Nullable Path file;
    /// The class path that it was made with.
    private final String prefix;

    private AotCache(@Nullable Path file, String prefix) {
        this.file = file;
        this.prefix = prefix;
    }

    // ---- using it

    /// A JVM that refuses its cache does without the JDK's own as well, which is worse than not to ask for it. So no
    /// cache where a worker gets options that may be at odds with it: collectors, modules, agents.
    ///
    /// @param environment what is added to it: perhaps options
    static AotCache forWorkerWith(List<String> options, Set<String> environment) {
        if (environment.stream().anyMatch(WorkerCommand::isOptionVariable)) return none;
        for (String option : options) {
            if (option.startsWith("-XX:") || option.startsWith("--") || option.contains("agent")) return none;
        }
        return ours.isThere() ? ours : none;
    }

    private boolean isThere() {
        try {
            return file != null && Files.size(file) > 0;
        } catch (IOException e) {
            return false;
        }
    }

    List<String> options() {
        return file == null ? List.of() : List.of("-XX:AOTCache=" + file, "-Xlog:aot*=off,cds*=off");
    }

    String classPath(String classPath) {
        if (prefix.isEmpty() || classPath.startsWith(prefix)) return classPath;
        return classPath.isEmpty() ? prefix : prefix + File.pathSeparator + classPath;
    }

    // ---- finding it

    private static AotCache find() {
        try {
            Path directory = "off".equals(System.getProperty(SWITCH)) ? null : directory();
            if (directory == null) return none;
            String classPath = System.getProperty("java.class.path", "");
            String prefix = "";
            if (!AotCache.class.getModule().isNamed()) {
                prefix = String.join(File.pathSeparator, ourJars());
            } else if (!classPath.isEmpty()) {
                return none;
            }
            StringBuilder key = new StringBuilder();
            key.append(System.getProperty("java.vm.version")).append('\n');
            key.append(WorkerCommand.plainCommand(ParentClassLoader.MAIN, prefix)).append('\n');
            String modulePath = System.getProperty("jdk.module.path", "");
            for (String jar : (prefix + File.pathSeparator + modulePath).split(File.pathSeparator)) {
                if (jar.isEmpty()) continue;
                BasicFileAttributes attributes = Files.readAttributes(Path.of(jar), BasicFileAttributes.class);
                if (!attributes.isRegularFile()) {
                    return none; // a cache cannot hold classes from directories
                }
                key.append(attributes.size()).append(' ').append(attributes.lastModifiedTime()).append('\n');
            }
            CRC32 checksum = new CRC32();
            checksum.update(key.toString().getBytes(StandardCharsets.UTF_8));
            String name = "worker-" + Runtime.version() + "-" + Long.toHexString(checksum.getValue()) + ".aot";
            AotCache cache = new AotCache(directory.resolve(name), prefix);
            if (cache.isThere()) {
                Files.setLastModifiedTime(directory.resolve(name), FileTime.fromMillis(System.currentTimeMillis()));
            }
            return cache;
        } catch (IOException | URISyntaxException | RuntimeException e) {
            return none;
        }
    }

    /// Where our classes come from: two jars, or one if they have been merged.
    private static Set<String> ourJars() throws IOException, URISyntaxException {
        Set<String> jars = new LinkedHashSet<>();
        for (Class<?> each : List.of(AotCache.class, dev.procession.core.Cpus.class)) {
            CodeSource source = each.getProtectionDomain().getCodeSource();
            if (source == null) throw new IOException("no jar");
            jars.add(Path.of(source.getLocation().toURI()).toString());
        }
        return jars;
    }

    /// Where caches are, be it there or not; null if there is no good place.
    private static @Nullable Path directory() throws IOException {
        Path directory = caches().resolve("procession");
        return !Files.exists(directory, LinkOption.NOFOLLOW_LINKS) || isPrivate(directory) ? directory : null;
    }

    /// The user's directory for caches of all kinds.
    private static Path caches() throws IOException {
        String configured = configured();
        if (configured != null) return Path.of(configured);
        Path home = Path.of(System.getProperty("user.home")); // "?" if the system knows none
        if (!home.isAbsolute() || !Files.isDirectory(home) || !Files.getOwner(home).equals(user())) {
            throw new IOException("no home");
        }
        return home.resolve(".cache");
    }

    private static @Nullable String configured() {
        String configured = System.getenv("XDG_CACHE_HOME");
        return configured != null && configured.startsWith("/") ? configured : null;
    }

    /// The JVM trusts its cache, so no other user may have a hand in it.
    private static boolean isPrivate(Path directory) throws IOException {
        PosixFileAttributes attributes =
                Files.readAttributes(directory, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        return attributes.isDirectory()
                && PosixFilePermissions.toString(attributes.permissions()).equals("rwx------")
                && attributes.owner().equals(user());
    }

    private static UserPrincipal user() throws IOException {
        return Files.getOwner(Path.of("/proc/self"));
    }

    // ---- making it

    /// Starts a process that makes the cache and ends with this one; once, and only if it is missing.
    static void makeIfMissing() {
        Path file = ours.file;
        if (file == null || isMade.get() || "making".equals(System.getProperty(SWITCH))
                || ManagementFactory.getRuntimeMXBean().getUptime() < YOUNG_MILLIS || isMade.getAndSet(true)
                || Files.exists(file) || !canStay(file.getParent())) {
            return;
        }
        List<String> command = new ArrayList<>();
        Path nice = Path.of("/usr/bin/nice");
        if (Files.isExecutable(nice)) {
            command.addAll(List.of(nice.toString(), "-n", "10"));
        }
        command.addAll(WorkerCommand.plainCommand(MAKER, ours.prefix));
        command.add(file.toString());
        command.addAll(WorkerCommand.plainCommand(ParentClassLoader.MAIN, ours.prefix));
        try {
            // Without options from variables, of which workers get none either.
            startMaker(WorkerCommand.withoutOptionVariables(new ProcessBuilder(command))
                    .redirectOutput(Redirect.DISCARD)
                    .redirectError(Redirect.DISCARD));
        } catch (IOException e) {
            // Then there is none.
        }
    }

    /// It finds out by its standard input when this process ends, if we cannot end it.
    private static synchronized void startMaker(ProcessBuilder builder) throws IOException {
        if (ShutdownSequence.add(ShutdownSequence.Stage.HELPERS, AotCache::endMaker)) maker = builder.start();
    }

    private static void endMaker() {
        Process last;
        synchronized (AotCache.class) {
            last = maker;
        }
        if (last == null || !last.isAlive()) return;
        endDescendants(last.toHandle());
        last.destroyForcibly();
        ExitRecord.removeAbandonedAtEnd();
        Children.awaitEnd(List.of(last.toHandle()), System.nanoTime());
        deleteUnfinished();
    }

    static void endDescendants(ProcessHandle process) {
        process.descendants().toList().reversed().forEach(ProcessHandle::destroyForcibly);
    }

    /// Makes the directory, if it is missing.
    private static boolean canStay(Path directory) {
        try {
            Files.createDirectories(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            FileStore store = Files.getFileStore(directory);
            boolean isThrownAway = configured() == null && List.of("overlay", "aufs").contains(store.type());
            return isPrivate(directory)
                    && Files.isWritable(directory)
                    && store.getUsableSpace() > ROOM_BYTES
                    && !isThrownAway;
        } catch (IOException e) {
            return false;
        }
    }

    /// Deletes what a making process has left that had no time to do so, unless there is another one.
    static void deleteUnfinished() {
        Path file = ours.file;
        if (file == null) return;
        try (FileChannel channel = FileChannel.open(file.resolveSibling(LOCK), StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            if (lock != null) delete(file.resolveSibling(PART));
        } catch (IOException e) {
            // Then it had not come to that.
        }
    }

    /// The part, and what the JVM makes it from.
    static void delete(Path part) {
        try {
            Files.deleteIfExists(part);
            Files.deleteIfExists(Path.of(part + ".config"));
        } catch (IOException e) {
            // It stays for the next one that makes a cache.
        }
    }
}
