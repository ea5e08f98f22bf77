package dev.procession.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The page of a run of all works and systems, with long names, as a browser shows it.
class PageTest {
    private static final int TELEPHONE = 360;

    @TempDir
    private Path folder;

    @Test
    void thePageIsOneFileAndEscapesText() throws IOException {
        String page = page(RunTest.run(RunTest.result("procession", 40, 40, 40, 40, 40),
                RunTest.result("agrona-many-to-one", 10, 10, 10, 10, 10), RunTest.result("<b>&\"x", 5, 5, 5, 5, 5)));

        assertFalse(page.matches("(?is).*(<script|<link|<img|<iframe|@import|url\\((?!['\"]?#)|\\s(src|href)=).*"),
                "refers to something else");
        assertTrue(page.contains("&lt;b&gt;&amp;&quot;x"), "a system's name");
        assertFalse(page.contains("<b>&"), "a system's name");
        assertTrue(page.contains("--made-by-hand &lt;&amp;&gt;"), "the command");
        assertTrue(page.contains("prefers-color-scheme: dark"), "no dark colours");
        assertTrue(page.contains(">met</tr>"), "no goal met");
        assertTrue(page.contains("<meta name=\"viewport\" content=\"width=device-width"),
                "a telephone would shrink it");
    }

    /// A page as wide as it is on a telephone, whose tables scroll by themselves.
    @Test
    void onATelephoneThePageDoesNotScrollSideways() throws Exception {
        Path page = folder.resolve("page.html");
        Files.writeString(page, page(RunTest.ofEverything()).replace("</body>", """
                <script>
                const wide = [...document.querySelectorAll('.wide')].filter(box => box.scrollWidth > box.clientWidth);
                parent.postMessage(`${innerWidth} ${document.documentElement.scrollWidth} ${wide.length}`, '*');
                </script></body>"""));
        // In some versions a window cannot be that narrow; a frame can.
        Path frame = folder.resolve("frame.html");
        Files.writeString(frame, """
                <!DOCTYPE html><html><body><iframe width=%d height=800 src=page.html></iframe><script>
                addEventListener('message', event => document.documentElement.dataset.measured = event.data);
                </script></body></html>""".formatted(TELEPHONE));

        Matcher measured = Pattern.compile("data-measured=\"(\\d+) (\\d+) (\\d+)\"").matcher(dom(frame));

        assertTrue(measured.find(), "the browser has not run the script");
        assertEquals(TELEPHONE, Integer.parseInt(measured.group(1)), "the width of the window");
        assertTrue(Integer.parseInt(measured.group(2)) <= TELEPHONE, "the page is as wide as " + measured.group(2));
        assertTrue(Integer.parseInt(measured.group(3)) > 0, "no table is so wide that it has to scroll");
    }

    private String page(Run run) throws IOException {
        Path file = folder.resolve("run.html");
        Html.write(run, file);
        return Files.readString(file);
    }

    /// The document as it is after its scripts.
    private String dom(Path page) throws IOException, InterruptedException {
        Optional<Path> chromium = Stream.of("chromium", "chromium-browser", "google-chrome").flatMap(name -> Stream
                .of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator)).map(at -> Path.of(at, name)))
                .filter(Files::isExecutable).findFirst();
        assumeTrue(chromium.isPresent(), "there is no chromium");
        // Not in the folder of the test: some of its processes may outlive the first one, and JUnit would stumble.
        Path profile = Files.createTempDirectory("bench-page-");
        Path out = folder.resolve("out");
        Process browser = new ProcessBuilder(List.of(chromium.get().toString(), "--headless", "--no-sandbox",
                "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--user-data-dir=" + profile,
                "--window-size=" + TELEPHONE + ",800", "--virtual-time-budget=2000", "--dump-dom",
                page.toUri().toString())).redirectOutput(out.toFile()).redirectError(folder.resolve("err").toFile())
                .start();
        try {
            boolean ended = browser.waitFor(40, TimeUnit.SECONDS);
            String said = Files.readString(folder.resolve("err"), StandardCharsets.UTF_8);
            assertTrue(ended, () -> "the browser has not ended: " + said);
            assertEquals(0, browser.exitValue(), said);
            return Files.readString(out);
        } finally {
            browser.descendants().forEach(ProcessHandle::destroyForcibly);
            browser.destroyForcibly().waitFor();
            removed(profile);
        }
    }

    /// Its processes may write for a moment after the first one has ended.
    private static void removed(Path folder) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        do {
            Group.remove(folder);
        } while (Files.exists(folder) && System.nanoTime() < deadline);
    }
}
