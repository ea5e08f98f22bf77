package dev.procession.core.os;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;

/// The [Platform] of this JVM: [LinuxPlatform] if possible, else [PortablePlatform]: on other systems, or if native
/// access is denied.
public final class Os {
    private static final String LOGGER = "dev.procession.core"; // the package that users know

    /// The one platform that this JVM uses.
    public static final Platform CURRENT = choose();

    private Os() {}

    private static Platform choose() {
        try {
            FileChecks.user();
        } catch (IOException e) {
            // told where it is needed
        }
        if (isSetTo("dev.procession.platform", "portable", "linux")) return new PortablePlatform();
        if (!isLinux()) return new PortablePlatform();
        try {
            askForNativeAccess();
            return new LinuxPlatform();
        } catch (IllegalCallerException e) {
            Module module = Os.class.getModule();
            return fallBack("native access is denied; start java with --enable-native-access="
                    + (module.isNamed() ? module.getName() : "ALL-UNNAMED"));
        } catch (LinkageError | UnsupportedOperationException e) { // a JVM or a system without the symbols it links
            return fallBack("this JVM cannot call the system: " + e);
        }
    }

    /// Whether a system property has this value, not the usual one; warns if it has neither.
    public static boolean isSetTo(String property, String value, String usual) {
        String set = System.getProperty(property);
        if (set == null || set.equals(usual) || set.equals(value)) return value.equals(set);
        warn("-D" + property + "=" + set + " has no effect; the values are " + value + " and " + usual);
        return false;
    }

    private static boolean isLinux() {
        String arch = System.getProperty("os.arch");
        return System.getProperty("os.name").equals("Linux")
                && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN
                && (arch.equals("amd64") || arch.equals("aarch64"));
    }

    /// Called before the class that links is initialized: its initializer would fail with an error instead.
    @SuppressWarnings("restricted")
    private static void askForNativeAccess() {
        MemorySegment nothing = MemorySegment.NULL.reinterpret(0);
    }

    private static Platform fallBack(String why) {
        warn("Waiting is slower, processes are not pinned and each access is checked, since " + why);
        return new PortablePlatform();
    }

    /// Logs what would otherwise look like a process that hangs.
    public static void warn(String message) {
        System.getLogger(LOGGER).log(Level.WARNING, message);
    }
}
