/// Typed queues between processes, and the processes to use them.
@SuppressWarnings("requires-automatic") // Kryo has no module descriptor
module dev.procession {
    requires transitive dev.procession.core;
    requires com.esotericsoftware.kryo.kryo5;
    requires static com.fasterxml.jackson.jr.ob;
    requires static info.picocli;
    requires static me.tongfei.progressbar;
    requires static transitive org.jspecify;
    requires java.management;
    requires jdk.unsupported; // sun.reflect.ReflectionFactory, by which Kryo creates objects without constructors

    exports dev.procession;

    opens dev.procession.cli to
            info.picocli;
}
