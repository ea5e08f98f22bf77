/// Typed queues between processes, and the processes to use them.
module dev.procession {
    requires transitive dev.procession.core;
    requires info.picocli;
    requires static transitive org.jspecify;

    exports dev.procession;
}
