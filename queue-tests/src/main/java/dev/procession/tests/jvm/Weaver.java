package dev.procession.tests.jvm;

import dev.procession.core.LaneQueue;
import java.io.File;
import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeBuilder;
import java.lang.classfile.CodeElement;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.MethodModel;
import java.lang.classfile.MethodTransform;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.reflect.AccessFlag;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// Makes a call of [Points#step] the first thing that each access to shared memory does, and one of [Points#ask] what
/// comes before the system is asked to allocate space of a lane or to give it back. The library knows nothing of it:
/// all accesses go through one class, and those calls are in another; of these two processes under test find others
/// earlier on their class path.
public final class Weaver {
    private static final String CORE = "dev/procession/core/";
    private static final String MEMORY = CORE + "SharedMemory";
    private static final String SPACE = CORE + "LaneMemory";
    private static final String SYSTEM = CORE + "os/OsFile";
    private static final Set<String> OF_SPACE = Set.of("reserve", "reservePage", "giveBack");

    /// Methods of it that are no steps: bytes of one message, that its reader or writer has for itself. (And one that
    /// accesses nothing.)
    private static final Set<String> NO_STEPS =
            Set.of("base", "getByte", "getInt", "getLong", "setByte", "setInt", "setLong");

    private static @Nullable Path woven;

    private Weaver() {}

    /// The class path for a process with these options: this one's, with the woven classes before all others if
    /// [Points#OPTION] is among them.
    public static String classPath(List<String> options) throws IOException {
        String usual = System.getProperty("java.class.path");
        return options.stream().anyMatch(option -> option.startsWith(Points.OPTION))
                ? woven() + File.pathSeparator + usual : usual;
    }

    /// The folder with the woven classes, made when it is first needed.
    private static synchronized Path woven() throws IOException {
        if (woven == null) {
            Path folder = Folders.temporary("procession-woven-");
            Files.createDirectories(folder.resolve(CORE));
            for (var type : classes()) {
                Path file = folder.resolve(type.thisClass().asInternalName() + ".class");
                if (isMemory(type)) Files.write(file, weave(type));
                if (isSpace(type)) Files.write(file, weaveSpace(type));
            }
            woven = folder;
        }
        return woven;
    }

    private static byte[] weave(ClassModel memory) {
        return ClassFile.of().transformClass(memory, (ClassTransform) (type, element) -> {
            if (element instanceof MethodModel method && isStep(method)) {
                type.transformMethod(method, MethodTransform.transformingCode(
                        stepBefore(method.methodName().stringValue())));
            } else {
                type.with(element);
            }
        });
    }

    private static byte[] weaveSpace(ClassModel space) {
        return ClassFile.of().transformClass(space, ClassTransform.transformingMethodBodies((code, element) -> {
            String call = callOfSpace(element);
            if (call != null) call(code, "ask", call);
            code.with(element);
        }));
    }

    /// The name of the system's method that is called here, if it is one of those.
    private static @Nullable String callOfSpace(CodeElement element) {
        return element instanceof InvokeInstruction call && call.owner().asInternalName().equals(SYSTEM)
                && OF_SPACE.contains(call.name().stringValue()) ? call.name().stringValue() : null;
    }

    private static void call(CodeBuilder code, String method, String access) {
        code.loadConstant(access).invokestatic(ClassDesc.of(Points.class.getName()), method,
                MethodTypeDesc.of(ConstantDescs.CD_void, ConstantDescs.CD_String));
    }

    private static CodeTransform stepBefore(String access) {
        return new CodeTransform() {
            @Override
            public void atStart(CodeBuilder code) {
                call(code, "step", access);
            }

            @Override
            public void accept(CodeBuilder code, CodeElement element) {
                code.with(element);
            }
        };
    }

    private static boolean isMemory(ClassModel type) {
        return type.thisClass().asInternalName().equals(MEMORY);
    }

    private static boolean isSpace(ClassModel type) {
        return type.thisClass().asInternalName().equals(SPACE);
    }

    private static boolean isStep(MethodModel method) {
        String name = method.methodName().stringValue();
        return !name.startsWith("<") && !method.flags().has(AccessFlag.PRIVATE) && !NO_STEPS.contains(name);
    }

    /// All steps in the library, as its class files have them: `Class.method/access`.
    public static TreeSet<String> points() throws IOException {
        var classes = classes();
        Set<String> accesses = classes.stream().filter(Weaver::isMemory).flatMap(type -> type.methods().stream())
                .filter(Weaver::isStep).map(method -> method.methodName().stringValue()).collect(Collectors.toSet());
        var points = new TreeSet<String>();
        for (var type : classes) {
            if (isMemory(type)) continue;
            String simple = type.thisClass().asInternalName().substring(CORE.length());
            for (var method : type.methods()) {
                method.code().ifPresent(code -> code.forEach(element -> {
                    String ofSpace = isSpace(type) ? callOfSpace(element) : null;
                    if (ofSpace != null) points.add(simple + "." + method.methodName().stringValue() + "/" + ofSpace);
                    if (element instanceof InvokeInstruction call && call.owner().asInternalName().equals(MEMORY)
                            && accesses.contains(call.name().stringValue())) {
                        points.add(simple + "." + method.methodName().stringValue() + "/" + call.name().stringValue());
                    }
                }));
            }
        }
        return points;
    }

    private static List<ClassModel> classes() throws IOException {
        try {
            Path root = Path.of(LaneQueue.class.getProtectionDomain().getCodeSource().getLocation().toURI());
            if (Files.isDirectory(root)) return read(root.resolve(CORE));
            try (var jar = FileSystems.newFileSystem(URI.create("jar:" + root.toUri()), Map.of())) {
                return read(jar.getPath(CORE));
            }
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static List<ClassModel> read(Path folder) throws IOException {
        var classes = new ArrayList<ClassModel>();
        try (var files = Files.list(folder)) {
            for (Path file : files.filter(each -> each.toString().endsWith(".class")).toList()) {
                classes.add(ClassFile.of().parse(Files.readAllBytes(file)));
            }
        }
        return classes;
    }
}
