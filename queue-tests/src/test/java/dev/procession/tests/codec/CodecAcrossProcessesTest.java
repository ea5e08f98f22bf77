package dev.procession.tests.codec;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.procession.Codec;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CodecAcrossProcessesTest {
    enum Mood {
        CALM, EXCITED
    }

    record Greeting(int process, String text, List<Mood> moods) {
    }

    static final class Envelope {
        final Object content;
        final Map<String, Greeting> others;

        Envelope(Object content, Map<String, Greeting> others) {
            this.content = content;
            this.others = others;
        }
    }

    private static final Greeting GREETING = new Greeting(7, "grüß dich", List.of(Mood.EXCITED, Mood.CALM));

    /// Prints what the other process must be able to read.
    static final class Sender {
        private Sender() {
        }

        public static void main(String[] arguments) throws Exception {
            Codec<Object> object = Codec.object(Mood.class, Greeting.class, Envelope.class);
            Codec<Greeting> record = Codec.record(Greeting.class);
            Envelope envelope = new Envelope(GREETING, Map.of("a", GREETING));
            System.out.println(object.name() + " " + HexFormat.of().formatHex(RoundTrip.encode(object, envelope)));
            System.out.println(record.name() + " " + HexFormat.of().formatHex(RoundTrip.encode(record, GREETING)));
        }
    }

    private static String outputOf(Path directory, List<String> arguments) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(arguments);
        Path out = directory.resolve("out");
        Path err = directory.resolve("err");
        Process process = new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile()).start();
        assertEquals(0, process.waitFor(), () -> contentOf(err));
        assertEquals("", contentOf(err), "nothing but what it prints itself");
        return contentOf(out);
    }

    private static String contentOf(Path file) {
        try {
            return Files.readString(file);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void anotherProcessWritesWhatThisOneReadsAndPrintsNoWarning(@TempDir Path directory) throws Exception {
        String[] lines = outputOf(directory, List.of("--enable-native-access=ALL-UNNAMED", "-cp",
                System.getProperty("java.class.path"), Sender.class.getName())).split("\n");
        Codec<Object> object = Codec.object(Envelope.class, Mood.class, Greeting.class); // in another order
        String[] first = lines[0].split(" ");
        assertEquals(object.name(), first[0]);
        Envelope envelope = (Envelope) RoundTrip.decode(object, HexFormat.of().parseHex(first[1]));
        assertEquals(GREETING, envelope.content);
        assertEquals(Map.of("a", GREETING), envelope.others);
        Codec<Greeting> record = Codec.record(Greeting.class);
        String[] second = lines[1].split(" ");
        assertEquals(record.name(), second[0]);
        assertEquals(GREETING, RoundTrip.decode(record, HexFormat.of().parseHex(second[1])));
    }

    private static final String MODEL = """
            package com.acme.model;

            public class Model {
                record Hidden(int number, String text) {}

                static final class Plain {
                    private final Object content;

                    Plain(Object content) {
                        this.content = content;
                    }

                    @Override
                    public String toString() {
                        return "Plain(" + content + ")";
                    }
                }

                public static Class<? extends Record> hidden() {
                    return Hidden.class;
                }

                public static Class<?> plain() {
                    return Plain.class;
                }

                public static Object object() {
                    return new Plain(new Hidden(5, "five"));
                }
            }
            """;

    private static final String MAIN = """
            package com.acme.main;

            import com.acme.model.Model;
            import dev.procession.Codec;
            import dev.procession.Decoder;
            import dev.procession.Encoder;
            import java.util.Arrays;

            class Main {
                record Closed(int number) {}

                public static void main(String[] arguments) throws Exception {
                    System.out.println(Codec.record(Model.hidden()).name().startsWith("record:com.acme.model.Model$"));
                    Codec<Object> codec = Codec.object(Model.hidden(), Model.plain());
                    Encoder encoder = new Encoder(1000);
                    codec.encode(Model.object(), encoder);
                    byte[] bytes = Arrays.copyOf(encoder.array(), encoder.length());
                    System.out.println(codec.decode(new Decoder(bytes)));
                    for (Runnable makeCodec : new Runnable[] {() -> Codec.record(Closed.class),
                            () -> Codec.object(Closed.class)}) {
                        try {
                            makeCodec.run();
                        } catch (IllegalArgumentException e) {
                            System.out.println(e.getMessage().replaceAll(".*let ", "let "));
                        }
                    }
                }
            }
            """;

    @Test
    void aModuleNeedsToOpenThePackageOfItsRecordsAndObjects(@TempDir Path directory) throws Exception {
        // only what is needed: not all that tests need can be modules
        String modulePath = Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(path -> path
                        .matches(".*(queue-core|queue-ipc|agrona|jspecify|kryo5|jackson|picocli|progressbar|jline).*"))
                .collect(Collectors.joining(File.pathSeparator));
        Compiled.compile(directory.resolve("com.acme"), List.of("-p", modulePath), Map.of("module-info.java", """
                module com.acme {
                    requires dev.procession;

                    opens com.acme.model to dev.procession, com.esotericsoftware.kryo.kryo5;
                }
                """, "com/acme/model/Model.java", MODEL, "com/acme/main/Main.java", MAIN));
        String output = outputOf(directory, List.of("--enable-native-access=dev.procession.core", "-p",
                directory.resolve("com.acme") + File.pathSeparator + modulePath, "-m", "com.acme/com.acme.main.Main"));
        assertEquals("""
                true
                Plain(Hidden[number=5, text=five])
                let module com.acme open the package com.acme.main to the module dev.procession
                let module com.acme open the package com.acme.main to the module com.esotericsoftware.kryo.kryo5
                """, output);
    }
}
