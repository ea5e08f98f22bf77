package dev.procession.bench;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// A system at a work that is measured within one process; what that does is a [Probe], or the same in Python.
record Probes(String name, Work.Kind kind, boolean inPython) implements Contender {
    private static final String SCRIPT = "probes.py";

    /// All that this machine has.
    static List<Probes> all() {
        var all = new ArrayList<>(List.of(
                inJava("procession", Work.Kind.WORKER_START),
                inJava("procession-warm", Work.Kind.WORKER_START),
                inJava("procession", Work.Kind.MEMORY),
                inJava("agrona-many-to-one", Work.Kind.MEMORY),
                inJava("procession", Work.Kind.IDLE_LANES),
                inJava("procession-shared", Work.Kind.IDLE_LANES),
                inJava("procession", Work.Kind.IDLE_CPU),
                inJava("unix-socket", Work.Kind.IDLE_CPU),
                inJava("procession", Work.Kind.VIRTUAL_THREADS),
                inJava("procession", Work.Kind.POOL),
                inJava("procession-chunked", Work.Kind.POOL),
                inJava("thread-pool", Work.Kind.POOL),
                inJava("memcpy", Work.Kind.POOL)));
        if (Script.hasPython()) {
            all.add(new Probes("python-spawn", Work.Kind.WORKER_START, true));
            all.add(new Probes("python-forkserver", Work.Kind.WORKER_START, true));
            all.add(new Probes("python-queue", Work.Kind.IDLE_CPU, true));
            all.add(new Probes("python-executor", Work.Kind.POOL, true));
            all.add(new Probes("python-pool", Work.Kind.POOL, true));
            all.add(new Probes("python-pool-chunked", Work.Kind.POOL, true));
        }
        return all;
    }

    private static Probes inJava(String name, Work.Kind kind) {
        return new Probes(name, kind, false);
    }

    @Override
    public boolean serves(Work work) {
        return work.kind() == kind;
    }

    @Override
    public Subject subject(Work work, Place place) throws IOException {
        List<String> command = inPython ? List.of("python3", script(place).toString()) : java();
        var all = new ArrayList<>(command);
        all.addAll(List.of(name, place.directory().toString(), kind.name()));
        var seat = new Work.Seat(Work.Role.SCRIPT, 0, place.secondCpu());
        return new Group(name, work, place.directory(), true, List.of(new Group.Hosted(all, List.of(seat))));
    }

    /// Not pinned, and with nothing that is special: what is measured is what an application gets.
    private List<String> java() {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("--enable-native-access=ALL-UNNAMED");
        if (kind == Work.Kind.MEMORY) command.addAll(Transport.named(name).jvmArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Probe.Main.class.getName()));
        return command;
    }

    /// Python's spawned processes read the script again, so it must be a file.
    private static Path script(Place place) throws IOException {
        Path file = place.directory().resolveSibling(place.directory().getFileName() + "-" + SCRIPT);
        try (InputStream in = Probes.class.getResourceAsStream(SCRIPT)) {
            if (in == null) throw new IllegalStateException("the resource " + SCRIPT + " is missing");
            Files.copy(in, file);
            return file;
        }
    }
}
