package dev.procession.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// A system under test: anything that can be measured at some works.
interface Contender {
    /// All that can be measured on this machine. The first one is compared with each of the others.
    static List<Contender> all() {
        return Stream.<List<? extends Contender>>of(Transport.ALL, Script.installed(), Probes.all())
                .<Contender>flatMap(List::stream)
                .toList();
    }

    String name();

    boolean serves(Work work);

    /// This system at a work that it serves. Nothing is started yet.
    Subject subject(Work work, Place place) throws IOException;

    /// Where to measure.
    ///
    /// @param directory  for files that processes share, in memory; does not exist yet
    /// @param firstCpu   core of the producers
    /// @param secondCpu  core of the consumers
    record Place(Path directory, int firstCpu, int secondCpu) {}
}
