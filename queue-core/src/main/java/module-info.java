/// The queue of byte messages: algorithm, file, waiting, liveness. Embeddable alone.
@SuppressWarnings("requires-automatic") // Agrona has no module descriptor
module dev.procession.core {
    requires static org.agrona; // only for WaitStrategy.of(IdleStrategy)
    requires static transitive org.jspecify;

    exports dev.procession.core;
}
