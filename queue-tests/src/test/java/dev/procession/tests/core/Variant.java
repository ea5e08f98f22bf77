package dev.procession.tests.core;

import dev.procession.core.Delivery;
import dev.procession.core.LaneQueue;
import dev.procession.core.Leasing;
import dev.procession.core.QueueGeometry;
import dev.procession.tests.Effort;
import dev.procession.tests.kit.Child;
import dev.procession.tests.kit.Peer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Where the two sides of a queue are, and how it is consumed.
record Variant(Placement placement, boolean portable, Delivery delivery) {
    enum Placement {
        ONE_HANDLE, TWO_HANDLES, TWO_PROCESSES
    }

    static List<Variant> all() {
        var all = new ArrayList<Variant>();
        for (var portable : List.of(false, true)) {
            for (var placement : Placement.values()) {
                // the platforms differ in what they do between processes
                if (portable && placement != Placement.TWO_PROCESSES && !Effort.LONG) continue;
                for (var delivery : Delivery.values()) all.add(new Variant(placement, portable, delivery));
            }
        }
        return all;
    }

    /// The shape for this kind of consumers.
    QueueGeometry shape(QueueGeometry geometry) {
        if (delivery != Delivery.LEASED) return geometry;
        return new QueueGeometry(geometry.lanes(), Math.max(1 << 16, geometry.laneBytes()), geometry.maxItems(),
                Leasing.DEFAULT);
    }

    /// A queue and the peers at it, as this variant wants them.
    final class Site implements AutoCloseable {
        final String file;
        private final List<Peer> peers = new ArrayList<>();

        Site(String file) {
            this.file = file;
        }

        Site(Path directory, QueueGeometry geometry) {
            this(directory.resolve("queue").toString());
            LaneQueue.create(Path.of(file), shape(geometry), "contract").close();
        }

        /// Someone who puts.
        Peer producer() {
            var peer = peer(host("puts"));
            peer.run(scope -> scope.producer());
            return peer;
        }

        /// Someone who puts, in yet another process if processes are meant.
        Peer secondProducer() {
            var peer = peer(host("puts too"));
            peer.run(scope -> scope.producer());
            return peer;
        }

        /// Someone who gets.
        Peer consumer() {
            var peer = peer(host("gets"));
            var how = delivery;
            peer.run(scope -> scope.consumer(how));
            return peer;
        }

        /// Someone who looks on.
        Peer onlooker() {
            return peer(host("puts"));
        }

        private String host(String role) {
            return placement == Placement.TWO_PROCESSES ? role : "all";
        }

        private Peer peer(String host) {
            Peer peer;
            if (portable) peer = Child.kept(host, "-Ddev.procession.platform=portable").peer();
            else if (host.equals("all") || host.equals("gets")) peer = Peer.here();
            else peer = Child.kept(host).peer();
            var where = file;
            if (placement == Placement.ONE_HANDLE && !peers.isEmpty()) peer.run(scope -> scope.share(where));
            else peer.run(scope -> scope.open(where));
            peers.add(peer);
            return peer;
        }

        @Override
        public void close() {
            for (int i = peers.size() - 1; i >= 0; i--) peers.get(i).close();
        }
    }
}
