package dev.procession;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
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
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.security.CodeSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/// An AOT cache (JEP 483) that makes workers start faster: it holds what a JVM otherwise finds out anew each time about
/// the JDK's classes and ours. It is a file of some 18 MB in `$XDG_CACHE_HOME/procession` or `~/.cache/procession`, made in
/// the background by a process of its own when a program that has workers has been up for some seconds, and used from then on.
/// Its name has a checksum of all that it depends on, because the JVM itself checks only a part of that.
///
/// That process has a low priority and ends with the program: then nothing is made, and the next program that is up for
/// long enough makes it. It is not tried where the file could not stay or nobody would look for it: without a home directory
/// that is this user's, on a disk that is nearly full or read-only, on the layer of a container that goes with it
/// (unless `XDG_CACHE_HOME` is set).
///
/// It knows nothing of the application's classes, so one file serves all applications on a class path: their workers get
/// our jars first on it, followed by the application's class path as it is. (A JVM uses a cache if its class path begins
/// with the one that the cache was made with.) An application made of modules needs one of its own.
///
/// Whatever is wrong with the file or its folder, workers start without it. `-Ddev.procession.startupCache=off` does that too.
final class StartupCache {
    private static final StartupCache none = new StartupCache(null, "");
    private static final StartupCache ours = find();
    private static final AtomicBoolean isMade = new AtomicBoolean();

    /// A system property: `off`, or `making` in the process that the cache is made from.
    private static final String SWITCH = "dev.procession.startupCache";
    /// Most recently used caches that may stay when a new one is made: other Java versions, other applications.
    private static final int KEPT = 4;
    /// A program that has just started may be over before a cache is made.
    private static final long YOUNG_MILLIS = 3000;
    /// The file, twice, and what others may want.
    private static final long ROOM_BYTES = 100_000_000;
    /// What stands beside the caches: locked by the process that makes one, and what is not whole yet.
    private static final String LOCK = "lock";
    private static final String PART = "making";
    /// How long the making may take; it is a matter of seconds.
    private static final Duration LONGEST = Duration.ofMinutes(3);

    /// Where the cache is, or will be; empty if it was tried and cannot be made; null if there is none.
    private final @Nullable Path file;
    /// The class path that it was made with.
    private final String prefix;

    private StartupCache(@Nullable Path file, String prefix) {
        this.file = file;
        this.prefix = prefix;
    }

    // ---- using it

    /// A JVM that refuses its cache does without the JDK's own as well, which is worse than not to ask for it. So no
    /// cache where somebody adds options that may be at odds with it: collectors, modules, agents.
    ///
    /// @param environment what is added to it: perhaps options
    static StartupCache forWorkerWith(List<String> options, Set<String> environment) {
        if (environment.stream().anyMatch(WorkerJvm::isOptionVariable)) return none;
        for (String option : options) {
            if (option.startsWith("-XX:") || option.startsWith("--") || option.contains("agent")) {
                return none;
            }
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
        if (prefix.isEmpty() || classPath.startsWith(prefix)) {
            return classPath;
        }
        return classPath.isEmpty() ? prefix : prefix + File.pathSeparator + classPath;
    }

    // ---- finding it

    private static StartupCache find() {
        try {
            Path directory = "off".equals(System.getProperty(SWITCH)) ? null : directory();
            if (directory == null) {
                return none;
            }
            String classPath = System.getProperty("java.class.path", "");
            String prefix = "";
            if (!Worker.class.getModule().isNamed()) {
                prefix = String.join(File.pathSeparator, ourJars());
            } else if (!classPath.isEmpty()) {
                return none;
            }
            StringBuilder key = new StringBuilder();
            key.append(System.getProperty("java.vm.version")).append('\n');
            key.append(WorkerJvm.plainCommand(WorkerMain.class, prefix)).append('\n');
            String modulePath = System.getProperty("jdk.module.path", "");
            for (String jar : (prefix + File.pathSeparator + modulePath).split(File.pathSeparator)) {
                if (jar.isEmpty()) {
                    continue;
                }
                BasicFileAttributes attributes = Files.readAttributes(Path.of(jar), BasicFileAttributes.class);
                if (!attributes.isRegularFile()) {
                    return none; // a cache cannot hold classes from directories
                }
                key.append(attributes.size()).append(' ').append(attributes.lastModifiedTime()).append('\n');
            }
            CRC32 checksum = new CRC32();
            checksum.update(key.toString().getBytes(StandardCharsets.UTF_8));
            String name = "worker-" + Runtime.version() + "-" + Long.toHexString(checksum.getValue()) + ".aot";
            StartupCache cache = new StartupCache(directory.resolve(name), prefix);
            if (cache.isThere()) {
                Files.setLastModifiedTime(directory.resolve(name), FileTime.fromMillis(System.currentTimeMillis()));
            }
            return cache;
        } catch (IOException | URISyntaxException | RuntimeException e) {
            return none;
        }
    }

    /// Where our classes come from: two jars, or one if somebody has merged them.
    private static Set<String> ourJars() throws IOException, URISyntaxException {
        Set<String> jars = new LinkedHashSet<>();
        for (Class<?> each : List.of(Worker.class, dev.procession.core.Cpus.class)) {
            CodeSource source = each.getProtectionDomain().getCodeSource();
            if (source == null) {
                throw new IOException("no jar");
            }
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
        if (!home.isAbsolute() || !Files.isDirectory(home) || !Files.getOwner(home).equals(user()))
            throw new IOException("no home");
        return home.resolve(".cache");
    }

    private static @Nullable String configured() {
        String configured = System.getenv("XDG_CACHE_HOME");
        return configured != null && configured.startsWith("/") ? configured : null;
    }

    /// The JVM trusts its cache, so nobody else may have a hand in it.
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
        command.addAll(WorkerJvm.plainCommand(StartupCache.class, ours.prefix));
        command.add(file.toString());
        command.addAll(WorkerJvm.plainCommand(WorkerMain.class, ours.prefix));
        try {
            // Without options from variables, of which workers get none either.
            AtExit.startHelper(WorkerJvm.withoutOptionVariables(new ProcessBuilder(command))
                    .redirectOutput(Redirect.DISCARD)
                    .redirectError(Redirect.DISCARD));
        } catch (IOException e) {
            // Then there is none.
        }
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

    /// Ends this process, and those that it has started, when its standard input ends: then so has the process that
    /// started it, however it went; or when it has taken too long.
    private static void endInTime() {
        Thread.ofPlatform().daemon().start(() -> {
            try {
                System.in.transferTo(OutputStream.nullOutputStream());
            } catch (IOException e) {
                // as if it ended
            }
            end();
        });
        Thread.ofPlatform().daemon().start(() -> {
            try {
                Thread.sleep(LONGEST);
            } catch (InterruptedException e) {
                throw new AssertionError("nobody knows this thread", e);
            }
            end();
        });
    }

    private static void end() {
        AtExit.endDescendants(ProcessHandle.current());
        Making making = isMaking;
        if (making != null) {
            delete(making.part);
            making.record.delete();
        }
        Runtime.getRuntime().halt(1);
    }

    /// What there is while it is made.
    ///
    /// @param part the file that is not whole yet
    /// @param record of the process that it is made from
    private record Making(Path part, ExitRecord record) {}

    private static volatile @Nullable Making isMaking; // in the making process

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
    private static void delete(Path part) {
        try {
            Files.deleteIfExists(part);
            Files.deleteIfExists(Path.of(part + ".config"));
        } catch (IOException e) {
            // It stays for the next one that makes a cache.
        }
    }

    /// The making process. It runs a worker that notes what it needs, from which the JVM makes the cache when it ends.
    ///
    /// @param args the file; the command that starts the worker
    static void main(String[] args) throws IOException, InterruptedException {
        endInTime();
        Path file = Path.of(args[0]);
        Path making = file.resolveSibling(PART);
        try (FileChannel channel = FileChannel.open(
                file.resolveSibling(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            if (lock == null || Files.exists(file)) {
                return; // somebody else makes it, or has
            }
            delete(making);
            ExitRecord record = ExitRecord.create();
            isMaking = new Making(making, record);
            List<String> command = new ArrayList<>(List.of(args).subList(1, args.length));
            command.addAll(1, List.of("-XX:AOTCacheOutput=" + making, "-D" + SWITCH + "=making"));
            // No profiles (JEP 515): of so short a run they only make the compiler busy when a worker starts.
            command.addAll(
                    1,
                    List.of(
                            "-XX:+IgnoreUnrecognizedVMOptions",
                            "-XX:+UnlockDiagnosticVMOptions",
                            "-XX:-AOTRecordTraining"));
            command.addAll(WorkerMain.arguments("startup-cache", true, -1, record));
            Process worker = new ProcessBuilder(command)
                    .redirectOutput(Redirect.DISCARD)
                    .redirectError(Redirect.DISCARD)
                    .start();
            PackedTask.send(PackedTask.pack(StartupCache::train, "startup-cache"), worker.getOutputStream());
            boolean isWhole = worker.waitFor() == 0;
            record.delete();
            if (!isWhole) delete(making);
            if (!Files.exists(making)) {
                Files.createFile(making); // empty: not to be tried again
            }
            deleteUnused(file.getParent()); // first: we may end as soon as there is a cache
            Files.move(making, file, StandardCopyOption.ATOMIC_MOVE);
        }
    }

    /// Does once what workers do, and what those do that start workers.
    private static void train() throws Exception {
        SpareJvm.warmUp();
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64())) {
            Worker worker = Worker.of(() -> queue.put(ProcessHandle.current().pid()));
            worker.start();
            System.out.println(worker + " " + Worker.active() + " " + queue.get(Duration.ofMinutes(1)));
            worker.join();
            System.out.println(worker.exit() + " " + queue.isEmpty());
            queue.put(1L);
            queue.tryGet();
        }
        System.out.println(Worker.current());
    }

    private static void deleteUnused(Path directory) throws IOException {
        List<Path> caches;
        try (Stream<Path> files = Files.list(directory)) {
            caches = files.filter(file -> file.toString().endsWith(".aot"))
                    .sorted(Comparator.comparing(StartupCache::lastUsed).reversed())
                    .toList();
        }
        for (Path unused : caches.subList(Math.min(KEPT - 1, caches.size()), caches.size())) {
            Files.deleteIfExists(unused);
        }
    }

    private static FileTime lastUsed(Path file) {
        try {
            return Files.getLastModifiedTime(file);
        } catch (IOException e) {
            return FileTime.fromMillis(0);
        }
    }
}
