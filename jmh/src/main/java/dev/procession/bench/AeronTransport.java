package dev.procession.bench;

import io.aeron.Aeron;
import io.aeron.CommonContext;
import io.aeron.ExclusivePublication;
import io.aeron.FragmentAssembler;
import io.aeron.Publication;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.logbuffer.FragmentHandler;
import io.aeron.logbuffer.Header;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.agrona.DirectBuffer;
import org.agrona.LangUtil;
import org.agrona.concurrent.UnsafeBuffer;
import org.jspecify.annotations.Nullable;

/// Aeron over shared memory, `aeron:ipc`: an exclusive publication for each producer, `offer` from a buffer that wraps
/// the message once, `poll` with a handler that reads in place; bounds checks off.
///
/// Its media driver must clean what was read and move the publishers' limits while producers and consumers spin on both
/// cores. A driver with a thread of its own has to take a core away from them for that: measured with 16 bytes, a third
/// of the throughput, and less if it is a process. So the driver is embedded in the process that made the files, which
/// is the one that receives, has no thread ([ThreadingMode#INVOKER]), and is invoked each time [#INVOKE_AFTER_BYTES]
/// have been read. That is a quarter of the step in which it moves a limit, and no publisher waits for it. `tryClaim`
/// instead of `offer` was slower, and so were smaller terms; larger ones and polling the image itself made no
/// difference.
///
/// Memory: a log buffer is three terms, of which Aeron lets at most half a term be in flight. A term is as large as the
/// memory that other systems get for a producer; so the files are three times theirs, and half of theirs is in use.
final class AeronTransport implements Transport {
    private static final long INVOKE_AFTER_BYTES = 64 << 10;
    /// The most that Aeron allows. Larger messages are fragmented, and assembled by a copy.
    private static final int MTU_BYTES = 65504;
    private static final int FRAME_HEADER_BYTES = 32;
    /// Driver and clients sleep while other systems are measured. They should not take each other for dead.
    private static final Duration NEVER = Duration.ofDays(1);

    private @Nullable MediaDriver driver; // in the process that made the files
    private @Nullable Aeron client;

    @Override
    public String name() {
        return "aeron-ipc";
    }

    @Override
    public boolean serves(Work work) {
        if (work.content() != Work.Content.BYTES || work.consumers() > 1) return false;
        return switch (work.kind()) {
            case THROUGHPUT, COLD, ROUND_TRIP, LATENCY, PUT_LATENCY, STOPPED -> true;
            default -> false;
        };
    }

    @Override
    public List<String> jvmArguments() {
        return List.of("--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED", "-Dagrona.disable.bounds.checks=true");
    }

    /// One driver serves all queues of a group.
    @Override
    public void create(Path file, Work work) {
        if (driver != null) return;
        driver = MediaDriver.launch(new MediaDriver.Context()
                .aeronDirectoryName(home(file))
                .threadingMode(ThreadingMode.INVOKER)
                .ipcTermBufferLength((int) work.laneBytes())
                .ipcMtuLength(MTU_BYTES)
                .publicationConnectionTimeoutNs(NEVER.toNanos())
                .clientLivenessTimeoutNs(NEVER.toNanos())
                .publicationUnblockTimeoutNs(NEVER.multipliedBy(2).toNanos()));
    }

    private static String home(Path file) {
        return file.resolveSibling("aeron").toString();
    }

    private static int stream(Path file) {
        return file.getFileName().toString().hashCode();
    }

    @Override
    public Sender openSender(Path file, Work work, Payload payload) {
        ExclusivePublication publication =
                client(file).addExclusivePublication(CommonContext.IPC_CHANNEL, stream(file));
        while (!publication.isConnected()) {
            invoke();
        }
        var source = new UnsafeBuffer(payload.message());
        return () -> {
            long position = publication.offer(source);
            return position > 0 || mustWait(position);
        };
    }

    /// What a negative position means: there is no room now, or there never will be.
    private static boolean mustWait(long position) {
        if (position == Publication.BACK_PRESSURED || position == Publication.ADMIN_ACTION) return false;
        throw new IllegalStateException("cannot send: " + Publication.errorString(position));
    }

    @Override
    public Receiver openReceiver(Path file, Work work, Payload.Check check) {
        Subscription subscription = client(file).addSubscription(CommonContext.IPC_CHANNEL, stream(file));
        while (subscription.imageCount() < work.producers()) {
            invoke();
        }
        return new FragmentReceiver(subscription, work, check);
    }

    private Aeron client(Path file) {
        if (client == null) {
            var context = new Aeron.Context()
                    .aeronDirectoryName(home(file))
                    .driverTimeoutMs(NEVER.toMillis())
                    .subscriberErrorHandler(LangUtil::rethrowUnchecked);
            if (driver != null) {
                context.driverAgentInvoker(driver.sharedAgentInvoker()).useConductorAgentInvoker(true);
            }
            client = Aeron.connect(context);
        }
        return client;
    }

    /// Lets driver and client do what there is to do, where they have no threads.
    private void invoke() {
        if (driver != null && client != null) {
            driver.sharedAgentInvoker().invoke();
            client.conductorAgentInvoker().invoke();
        }
    }

    private final class FragmentReceiver implements Receiver {
        private final Subscription subscription;
        private final Payload.Check check;
        private final FragmentHandler handler;
        private final int frameBytes;
        private int taken;
        private long readBytes; // since the last invocation

        FragmentReceiver(Subscription subscription, Work work, Payload.Check check) {
            this.subscription = subscription;
            this.check = check;
            frameBytes = FRAME_HEADER_BYTES + work.bytes();
            handler = frameBytes <= MTU_BYTES ? this::show : new FragmentAssembler(this::show);
        }

        @Override
        public int poll(int limit) {
            taken = 0;
            subscription.poll(handler, limit);
            readBytes += (long) taken * frameBytes;
            if (readBytes >= INVOKE_AFTER_BYTES) {
                readBytes = 0;
                invoke();
            }
            return taken;
        }

        private void show(DirectBuffer buffer, int index, int length, Header header) {
            long first = buffer.getLong(index);
            check.first(first, length);
            int last = index + length - Long.BYTES;
            for (int at = index + Payload.LINE; at < last; at += Payload.LINE) {
                check.line(buffer.getLong(at));
            }
            check.last(first, buffer.getLong(last));
            taken++;
        }
    }
}
