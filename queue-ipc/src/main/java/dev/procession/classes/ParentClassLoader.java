package dev.procession.classes;

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.security.CodeSource;
import java.security.ProtectionDomain;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/// In a worker, the counterpart of one class loader of the parent process. It asks the parent for each class: whether
/// the class is one that both have (of the JDK or on the class path), or which of the parent's loaders defines it, and
/// with which bytes. So each name means what it means in the parent, however the loaders there delegate.
///
/// The parent's loaders have numbers, 0 for the system class loader and those above it, which a worker has itself. Over
/// a socket in the parent's private directory a request is one byte, a loader's number, a name, and an index. See
/// `ClassServer`.
public final class ParentClassLoader extends ClassLoader {
    /// Requests.
    public static final byte CLASS = 'c';
    /// A class that the worker should have itself and does not.
    public static final byte MISSING_CLASS = 'm';
    /// The addresses of all resources of a name.
    public static final byte RESOURCES = 'r';
    /// The content of one of them, by its index.
    public static final byte CONTENT = 'b';

    /// As an index: what `getResource` gives.
    public static final int FIRST = -1;
    /// As an index: what `getResourceAsStream` gives, which some loaders have without the other.
    public static final int STREAM = -2;

    /// Answers.
    public static final byte OWN = 'o';
    /// Here it comes.
    public static final byte FOUND = 'f';
    /// There is none.
    public static final byte NOT_FOUND = 'n';
    /// There is one, but the parent cannot give it; the reason follows.
    public static final byte FAILED = 'e';

    /// What a package says about itself: the titles, versions and vendors of its specification and implementation.
    public static final int PACKAGE_TEXTS = 6;

    /// The main class of a worker's JVM, for those that cannot have it as a class.
    public static final String MAIN = "dev.procession.WorkerMain";

    private static final String HERE = "dev.procession.classes.";

    private static final Map<Integer, ParentClassLoader> loaders = new HashMap<>(); // guarded by itself
    /// One request at a time. (No `synchronized`: a class may be needed by a virtual thread.)
    private static final ReentrantLock turn = new ReentrantLock();
    private static volatile @Nullable String socket; // where the parent listens
    private static @Nullable SocketChannel channel; // these are guarded by turn; null: not connected
    private static @Nullable DataInputStream in;

    static {
        registerAsParallelCapable();
    }

    private final int number;
    private final Map<String, ProtectionDomain> domains = new HashMap<>(); // guarded by itself

    private ParentClassLoader(int number) {
        super(getSystemClassLoader()); // no name: it would stand in each stack trace
        this.number = number;
    }

    // ---- in the worker

    /// Starts a worker whose class path does not have the rest of this library.
    ///
    /// @param args those of the worker's main class; then the parent's socket, and the number of the loader that has us
    /// @throws Throwable what the worker's main class throws
    public static void main(String[] args) throws Throwable {
        int own = args.length - 2;
        listenTo(args[own]);
        Method main = of(Integer.parseInt(args[own + 1])).loadClass(MAIN).getDeclaredMethod("main", String[].class);
        main.setAccessible(true);
        try {
            main.invoke(null, (Object) Arrays.copyOf(args, own));
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    /// Says where the parent can be asked. Nothing is connected before there is something to ask.
    ///
    /// @param path the parent's socket
    public static void listenTo(String path) {
        socket = path;
    }

    /// The counterpart of a loader of the parent.
    ///
    /// @param number its number there
    /// @return always the same for a number
    public static ClassLoader of(int number) {
        if (number == 0) return getSystemClassLoader();
        synchronized (loaders) {
            ParentClassLoader loader = loaders.get(number);
            if (loader == null) {
                loader = new ParentClassLoader(number);
                loaders.put(number, loader);
            }
            return loader;
        }
    }

    /// The number of a loader in the parent, by which [#of] leads to it.
    ///
    /// @param loader any
    /// @return 0 if it is none of these: of one that both processes have, or of one that only this process has
    public static int numberOf(@Nullable ClassLoader loader) {
        return loader instanceof ParentClassLoader parents ? parents.number : 0;
    }

    // ---- classes

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
        Class<?> known = findLoadedClass(name);
        if (known != null) return known;
        if (name.startsWith(HERE)) return getSystemClassLoader().loadClass(name);
        if (name.startsWith("java.") || name.startsWith("jdk.") || name.startsWith("javax.")
                || name.startsWith("sun.")) {
            try {
                return getPlatformClassLoader().loadClass(name);
            } catch (ClassNotFoundException e) {
                // Others use such names too.
            }
        }
        try {
            Answer answer = ask(CLASS, name, 0);
            if (answer.kind == OWN) {
                try {
                    return getSystemClassLoader().loadClass(name);
                } catch (ClassNotFoundException e) {
                    answer = ask(MISSING_CLASS, name, 0);
                }
            }
            return switch (answer.kind) {
                case FOUND -> ((ParentClassLoader) of(answer.loader)).define(name, answer);
                case FAILED -> throw new NoClassDefFoundError(name + ": " + answer.texts[0]);
                default -> throw new ClassNotFoundException(name);
            };
        } catch (ParentGoneException gone) {
            try {
                return getSystemClassLoader().loadClass(name);
            } catch (ClassNotFoundException e) {
                throw (Error) new NoClassDefFoundError(name + ": " + gone.getMessage()).initCause(gone);
            }
        }
    }

    private Class<?> define(String name, Answer answer) {
        synchronized (getClassLoadingLock(name)) {
            Class<?> known = findLoadedClass(name);
            if (known != null) return known;
            String[] texts = answer.texts;
            int dot = name.lastIndexOf('.');
            if (dot > 0 && getDefinedPackage(name.substring(0, dot)) == null) {
                try {
                    definePackage(
                            name.substring(0, dot), texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], null);
                } catch (IllegalArgumentException e) {
                    // Another thread has just done it.
                }
            }
            return defineClass(name, answer.bytes, 0, answer.bytes.length, domain(texts[0]));
        }
    }

    /// A class says where it is from, but has no signers here: what the parent took on trust we take from the parent.
    private ProtectionDomain domain(@Nullable String location) {
        synchronized (domains) {
            String key = location == null ? "" : location;
            ProtectionDomain domain = domains.get(key);
            if (domain == null) {
                CodeSource source = null;
                try {
                    source = location == null ? null : new CodeSource(url(location), (Certificate[]) null);
                } catch (IOException e) {
                    // An address that only the parent understands.
                }
                domain = new ProtectionDomain(source, null, this, null);
                domains.put(key, domain);
            }
            return domain;
        }
    }

    // ---- resources

    @Override
    public @Nullable URL getResource(String name) {
        List<URL> all = resources(name, true);
        return all.isEmpty() ? null : all.get(0);
    }

    @Override
    public Enumeration<URL> getResources(String name) {
        return Collections.enumeration(resources(name, false));
    }

    @Override
    public @Nullable InputStream getResourceAsStream(String name) {
        try {
            Answer answer = ask(CONTENT, name, STREAM);
            return answer.kind == FOUND ? new ByteArrayInputStream(answer.bytes) : null;
        } catch (ParentGoneException e) {
            return getSystemClassLoader().getResourceAsStream(name);
        }
    }

    /// For a worker's worker: what a class of this loader was made from.
    ///
    /// @param name the class's name
    /// @return null if the parent does not give it, or not any more
    public @Nullable InputStream open(String name) {
        try {
            Answer answer = ask(CLASS, name, 0);
            if (answer.kind == OWN) {
                answer = ask(MISSING_CLASS, name, 0);
            }
            return answer.kind == FOUND ? new ByteArrayInputStream(answer.bytes) : null;
        } catch (ParentGoneException e) {
            return null;
        }
    }

    private List<URL> resources(String name, boolean one) {
        List<URL> all = new ArrayList<>();
        try {
            Answer answer = ask(RESOURCES, name, one ? FIRST : 0);
            for (int i = 0; i < answer.texts.length; i++) {
                String address = answer.texts[i];
                boolean isFile = address != null && (address.startsWith("file:") || address.startsWith("jar:file:")
                        || address.startsWith("jrt:"));
                URI uri = isFile ? null : new URI("procession", null, "/" + number + "/" + i + "/" + name, null);
                all.add(uri == null ? url(address) : URL.of(uri, new ParentResource(this, name, one ? FIRST : i)));
            }
        } catch (IOException | URISyntaxException e) {
            Enumeration<URL> own;
            try {
                own = getSystemClassLoader().getResources(name);
            } catch (IOException none) {
                own = Collections.emptyEnumeration();
            }
            return Collections.list(own);
        }
        return all;
    }

    private static URL url(String address) throws MalformedURLException {
        try {
            return URI.create(address).toURL();
        } catch (IllegalArgumentException e) {
            throw new MalformedURLException(address);
        }
    }

    byte[] content(String name, int index) throws IOException {
        Answer answer = ask(CONTENT, name, index);
        if (answer.kind != FOUND) {
            throw new IOException(
                    name + ": " + (answer.kind == FAILED ? answer.texts[0] : "no such resource any more"));
        }
        return answer.bytes;
    }

    // ---- asking

    private static final class ParentGoneException extends IOException {
        private static final long serialVersionUID = 1;

        ParentGoneException(IOException cause) {
            super("it would come from the parent process, which is gone or does not answer at " + socket, cause);
        }
    }

    /// What the parent says.
    ///
    /// @param kind one of the answers above
    /// @param loader the number of the one that defines the class
    /// @param bytes of the class or resource
    /// @param texts the class's location and the texts of its package; the addresses of resources; or the reason
    private record Answer(byte kind, int loader, byte[] bytes, @Nullable String[] texts) {}

    private Answer ask(byte request, String name, int index) throws ParentGoneException {
        boolean interrupted = false;
        turn.lock();
        try {
            for (boolean again = channel != null;; again = false) {
                interrupted |= Thread.interrupted(); // a channel does not survive that
                try {
                    return exchange(request, name, index);
                } catch (ClosedByInterruptException e) {
                    again = true;
                } catch (IOException e) {
                    if (!again) throw new ParentGoneException(e);
                }
            }
        } finally {
            turn.unlock();
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private Answer exchange(byte request, String name, int index) throws IOException {
        boolean done = false;
        try {
            if (channel == null) {
                channel = SocketChannel.open(UnixDomainSocketAddress.of(String.valueOf(socket)));
                in = new DataInputStream(new BufferedInputStream(Channels.newInputStream(channel)));
            }
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            DataOutputStream out = new DataOutputStream(bytes);
            out.writeByte(request);
            out.writeInt(number);
            writeText(out, name);
            out.writeInt(index);
            Channels.newOutputStream(channel).write(bytes.toByteArray());
            Answer answer = read(request, in);
            done = true;
            return answer;
        } finally {
            if (!done && channel != null) { // whatever it was: what comes next there is not an answer to us
                channel.close();
                channel = null;
            }
        }
    }

    private static Answer read(byte request, DataInputStream in) throws IOException {
        byte kind = in.readByte();
        int loader = 0;
        byte[] bytes = new byte[0];
        @Nullable
        String[] texts = new String[0];
        if (kind == FAILED) {
            texts = new String[] {readText(in)};
        } else if (kind == FOUND) {
            if (request == RESOURCES) {
                texts = new String[in.readInt()];
            } else {
                loader = in.readInt();
                bytes = in.readNBytes(in.readInt());
                texts = new String[request == CONTENT ? 0 : 1 + PACKAGE_TEXTS];
            }
            for (int i = 0; i < texts.length; i++) {
                texts[i] = readText(in);
            }
        }
        return new Answer(kind, loader, bytes, texts);
    }

    /// Writes a text of any length.
    ///
    /// @param out where to
    /// @param text the text, or null
    /// @throws IOException if that fails
    public static void writeText(DataOutputStream out, @Nullable String text) throws IOException {
        byte[] bytes = text == null ? new byte[0] : text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(text == null ? -1 : bytes.length);
        out.write(bytes);
    }

    /// Reads what [#writeText] wrote.
    ///
    /// @param in where from
    /// @return the text, or null
    /// @throws IOException if that fails
    public static @Nullable String readText(DataInputStream in) throws IOException {
        int length = in.readInt();
        return length < 0 ? null : new String(in.readNBytes(length), StandardCharsets.UTF_8);
    }
}
