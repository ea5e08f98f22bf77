/// The queue of byte messages: algorithm, file, waiting, liveness. Embeddable alone.
@SuppressWarnings({"requires-automatic", "requires-transitive-automatic"}) // Agrona has no module descriptor
module dev.procession.core {
    requires static transitive org.agrona;
    requires static org.jspecify;

    exports dev.procession.core;
}
