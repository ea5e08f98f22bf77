package dev.procession.core;

import static dev.procession.core.OpenQueue.message;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// A file that was written over: each party says so, soon, and reads nothing outside of the lane.
class DamageTest {
    private static final int LANE = 1 << 16;
    private static final int CHUNK = 1 << 12;
    private static final int CHUNKS = LANE / CHUNK;
    private static final long RESERVED = 7L << 24 | (1 << 24) - 3;

    @TempDir
    Path folder;

    /// What stands at the head, or where a jump from there leads.
    enum Damage {
        JUMP_OUT_OF_RANGE {
            @Override
            void write(OpenQueue opened, long at) {
                opened.setWord(at, Layout.jumpTo(CHUNKS));
            }
        },
        JUMP_FAR_OUT_OF_RANGE {
            @Override
            void write(OpenQueue opened, long at) {
                opened.setWord(at, -1);
            }
        },
        JUMP_TO_ITSELF {
            @Override
            void write(OpenQueue opened, long at) {
                opened.setWord(at, Layout.jumpTo(3));
                opened.setWord(opened.offset(0, 3 * CHUNK), Layout.jumpTo(3));
            }
        },
        JUMPS_ROUND_AND_ROUND {
            @Override
            void write(OpenQueue opened, long at) {
                for (int i = 1; i < CHUNKS; i++) {
                    opened.setWord(opened.offset(0, i * CHUNK), Layout.jumpTo(i % (CHUNKS - 1) + 1));
                }
                opened.setWord(at, Layout.jumpTo(1));
            }
        },
        JUMP_THEN_OUT_OF_RANGE {
            @Override
            void write(OpenQueue opened, long at) {
                opened.setWord(at, Layout.jumpTo(2));
                opened.setWord(opened.offset(0, 2 * CHUNK), Layout.jumpTo(1L << 39));
            }
        },
        RESERVED_CODE {
            @Override
            void write(OpenQueue opened, long at) {
                opened.setWord(at, RESERVED);
            }
        },
        JUMP_TO_THE_RESERVED_CODE {
            @Override
            void write(OpenQueue opened, long at) {
                opened.setWord(at, Layout.jumpTo(2));
                opened.setWord(opened.offset(0, 2 * CHUNK), RESERVED);
            }
        },
        BEYOND_THE_LANE {
            @Override
            void write(OpenQueue opened, long at) {
                opened.setWord(at, Layout.header(0, LANE / 2 - 200));
            }
        },
        TOO_LONG_FOR_A_MESSAGE {
            @Override
            void write(OpenQueue opened, long at) {
                opened.setWord(at, Layout.header(0, opened.geometry.maxMessageBytes() + 1));
            }
        },
        A_LONG_RECORD_OF_NO_LENGTH {
            @Override
            void write(OpenQueue opened, long at) {
                writeLong(opened, at, 0);
            }
        },
        A_LONG_RECORD_THAT_IS_SHORT {
            @Override
            void write(OpenQueue opened, long at) {
                writeLong(opened, at, Layout.MAX_SHORT);
            }
        },
        A_LONG_RECORD_LONGER_THAN_THE_LANE {
            @Override
            void write(OpenQueue opened, long at) {
                writeLong(opened, at, Layout.MAX_SHORT + 1);
            }
        },
        A_LONG_RECORD_LONGER_THAN_ANY {
            @Override
            void write(OpenQueue opened, long at) {
                writeLong(opened, at, Long.MAX_VALUE);
            }
        },
        A_LONG_RECORD_OF_A_NEGATIVE_LENGTH {
            @Override
            void write(OpenQueue opened, long at) {
                writeLong(opened, at, -1);
            }
        };

        abstract void write(OpenQueue opened, long at);

        private static void writeLong(OpenQueue opened, long at, long length) {
            opened.setWord(at, Layout.longHeader(0));
            long word = at + opened.geometry.headerBytes();
            // at the end of a lane there is no room for the length
            if (word < opened.geometry.laneOffset(0) + LANE) opened.setWord(word, length);
        }
    }

    /// The position of the head: in the middle, and where the last header of the lane may be.
    static Stream<Arguments> cases() {
        return Stream.of(Taking.values()).flatMap(taking -> Stream.of(Damage.values())
                .map(damage -> Arguments.of(taking, damage, 1 + (taking.ordinal() / 2 + damage.ordinal()) % 2)));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void eachPartyReportsIt(Taking taking, Damage damage, int lanes) {
        for (boolean atTheEnd : new boolean[] {false, true}) {
            for (long maxItems : new long[] {lanes == 1 ? 0 : 10}) {
                var geometry = new QueueGeometry(2, LANE, CHUNK, maxItems, taking.leasing());
                long position = Layout.position(9, atTheEnd ? LANE - geometry.alignment() : LANE / 2 + 256);
                try (var opened = new OpenQueue(folder, geometry)) {
                    opened.queue.newProducer().close();
                    opened.startLaneAt(0, position);
                    try (var second = opened.queue.newProducer();
                            var third = lanes == 2 ? opened.queue.newProducer() : second) {
                        assertEquals(lanes - 1, third.lane());
                    }
                    long at = opened.offset(0, position);
                    damage.write(opened, at);
                    // these come first: they move no head
                    assertDamage(opened.queue::size, damage);
                    assertDamage(opened.queue::stats, damage);
                    assertDamage(opened.queue::newProducer, damage);
                    if (opened.word(at) != 0 && !Layout.isJump(opened.word(at))) assertFalse(opened.queue.isEmpty());
                    for (int i = 0; i < 2; i++) {
                        try (var consumer = opened.queue.newConsumer(taking.delivery)) {
                            assertDamage(() -> taking.take(consumer), damage);
                            assertDamage(() -> taking.take(consumer), damage);
                        }
                    }
                    if (Layout.isJump(opened.word(at)) && Layout.jumps(opened.head(0)) == 9) {
                        assertDamage(opened.queue::isEmpty, damage);
                    }
                }
                LaneQueue.delete(folder.resolve("queue"));
            }
        }
    }

    private static void assertDamage(Runnable call, Damage damage) {
        assertTimeoutPreemptively(Duration.ofSeconds(30), () -> {
            var e = assertThrows(QueueCorruptedException.class, call::run);
            assertTrue(e.getMessage().contains("is damaged in lane 0 at position "), e.getMessage());
        }, damage::name);
    }

    static Stream<Arguments> casesAnywhere() {
        return cases().filter(each -> each.get()[1] != Damage.BEYOND_THE_LANE); // which depends on where it is
    }

    /// What is before it is handed out all the same.
    @ParameterizedTest
    @MethodSource("casesAnywhere")
    void whatWasPutBeforeItIsTaken(Taking taking, Damage damage, int lanes) {
        var geometry = new QueueGeometry(2, LANE, CHUNK, 0, taking.leasing());
        try (var opened = new OpenQueue(folder, geometry);
                var producer = opened.queue.newProducer();
                var other = lanes == 2 ? opened.queue.newProducer() : producer;
                var consumer = opened.queue.newConsumer(taking.delivery)) {
            assertTrue(producer.tryPut(message(1, 100)) && other.tryPut(message(2, 100)));
            assertTrue(producer.tryPut(message(3, 100)));
            damage.write(opened, opened.offset(0, producer.tail));
            int[] taken = {0};
            assertTimeoutPreemptively(Duration.ofSeconds(30), () -> {
                assertThrows(QueueCorruptedException.class, () -> {
                    while (true) {
                        var messages = taking.take(consumer);
                        for (byte[] each : messages) Taking.assertSame(message(++taken[0], 100), each);
                        // a poll that fails half way has handed out, but does not say how many
                        if (messages.isEmpty()) throw new AssertionError("the damage passes for the end of the log");
                    }
                });
            });
            // an exclusive get that ends in a circle of jumps, or one whose lease cannot be followed, reports that in
            // place of the last
            boolean circle = damage == Damage.JUMP_TO_ITSELF || damage == Damage.JUMPS_ROUND_AND_ROUND;
            boolean mayReplace = taking.delivery == Delivery.LEASED || taking.delivery == Delivery.EXCLUSIVE && circle;
            if (!mayReplace) assertEquals(3, taken[0]);
        }
    }
}
