package dev.procession;

import dev.procession.codec.BasicFormats;
import dev.procession.core.Delivery;
import dev.procession.worker.ChildMain;
import dev.procession.worker.Tasks;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The main class of a worker's JVM, and what the machinery in `dev.procession.worker` is told of tasks and queues.
///
/// Everything up to [Task#run()] is on the way from [Worker#start()] to the first message: see [ChildMain].
final class WorkerMain implements Tasks {
    static final WorkerMain TASKS = new WorkerMain();

    private WorkerMain() {}

    /// @param args see [ChildMain#arguments]
    static void main(String[] args) throws Exception {
        ChildMain.main(args, TASKS);
    }

    @Override
    public void run(Object task) throws Exception {
        ((Task) task).run();
    }

    @Override
    public void warmUp() throws Exception {
        WarmUp.run(this);
    }

    /// Its codec goes by its name, so it has to be one that the name says all of.
    @Override
    public boolean writeQueue(DataOutputStream out, @Nullable Object captured) throws IOException {
        if (!(captured instanceof SharedQueue<?> queue && queue.codec instanceof FormatCodec<?> codec
                && BasicFormats.contain(codec.format))) {
            return false;
        }
        queue.requireOpen();
        out.writeUTF(QueueAddress.textOf(queue.path()));
        out.writeUTF(codec.name());
        out.writeUTF(queue.delivery.name());
        return true;
    }

    @Override
    public Object readQueue(DataInputStream in) throws IOException {
        Path path = QueueAddress.pathOf(in.readUTF());
        Codec<?> codec = new FormatCodec<>(Objects.requireNonNull(BasicFormats.named(in.readUTF())));
        return SharedQueue.open(path, codec, Delivery.valueOf(in.readUTF()));
    }
}
