package dev.procession;

import dev.procession.worker.TaskCodec;
import dev.procession.worker.Tasks;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;

/// What a JVM does once so that a worker's task finds it done: see [Tasks#warmUp()].
final class WarmUp {
    private WarmUp() {}

    static void run(Tasks tasks) throws Exception {
        ClassLoader.getSystemResource("no such resource"); // opens all jars
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject((Task) WarmUp::nothing);
        }
        try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
            in.readObject();
        }
        try (SharedQueue<Long> queue = SharedQueue.create(Codec.int64())) {
            Task task = () -> putOne(queue);
            tasks.run(TaskCodec.unpack(TaskCodec.pack(task, "warm-up", tasks), tasks));
            queue.tryGet();
        }
    }

    private static void nothing() {}

    private static void putOne(SharedQueue<Long> queue) throws InterruptedException {
        try (queue) {
            queue.put(1L);
        }
    }
}
