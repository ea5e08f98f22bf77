"""Python's queues between processes, as a peer of the bench.

    python3 peer.py QUEUE FOLDER KIND PRODUCERS CONSUMERS BYTES CONTENT FIRST_CPU SECOND_CPU RATE

QUEUE is queue (multiprocessing.Queue) or simple-queue (multiprocessing.SimpleQueue). This process obeys one command a
line from its standard input and answers each by one line; the processes that put and get are its children, stay alive
between runs, and sleep meanwhile.

    0 create         does nothing
    0 open           makes the queues and starts the children
    0 run N POLICY   every producer puts N messages; the policy is ignored, because a get of these queues always sleeps

It ends when its standard input does, and its children end when it does, however it does.
"""

import multiprocessing
import multiprocessing.connection
import os
import struct
import sys
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

SEQUENCE_BITS = 56
POSITIVE_LONG = (1 << 63) - 1
LANE_BYTES = 4 << 20  # memory for each producer, as other systems have it
LEAST_MESSAGES = 16  # that fit into it
HEADER_BYTES = 16
NANOS = 1_000_000_000
STRINGS = 1024
COMMON_START_SECONDS = 60

# Forked children need no names in the file system for what they share with their parent.
fork = multiprocessing.get_context("fork")


class Trade(NamedTuple):
    """Of all kinds of records the one that is pickled fastest."""

    id: int
    price: float
    quantity: int
    buys: bool
    symbol: str


@dataclass
class Item:
    name: str
    count: int


@dataclass
class Order:
    id: int
    customer: str
    items: list
    notes: dict


def bytes_messages(work, producer):
    word = producer << SEQUENCE_BITS
    pack = struct.Struct("<Q").pack
    filler = bytes(i & 0xFF for i in range(work.bytes - 8))
    while True:
        yield pack(word) + filler
        word += 1


def bytes_check(work):
    """Returns a check of one message, which returns its number: the order of each producer, length, last bytes."""
    expected = [producer << SEQUENCE_BITS for producer in range(work.producers)]
    first = struct.Struct("<Q").unpack_from
    length = work.bytes
    last = bytes(i & 0xFF for i in range(work.bytes - 8))[-8:]
    only = work.consumers == 1

    def check(message):
        (word,) = first(message)
        producer = word >> SEQUENCE_BITS
        if word != expected[producer] and (only or word < expected[producer]):
            raise ValueError(f"wrong message: first word={word:x} expected={expected[producer]:x}")
        if len(message) != length or not message.endswith(last):
            raise ValueError(f"wrong message: length={len(message)} expected={length}, or its last bytes")
        expected[producer] = word + 1
        return word

    return check


def typed(content):
    """Returns how an item is made of its number, and whether an item that arrived is the one with a number."""
    if content == "INT64":
        return lambda number: number, lambda item, number: item == number
    if content == "UTF8":
        strings = [f"{i:0100d}" for i in range(STRINGS)]
        return lambda number: strings[number % STRINGS], lambda item, number: item == strings[number % STRINGS]
    if content == "RECORD":
        return (
            lambda number: Trade(number, 12.5, 300, True, "PROC"),
            lambda item, number: item.id == number and item.symbol == "PROC",
        )
    if content == "OBJECT":
        items = [Item("first", 1), Item("second", 2)]
        notes = {"left": "here", "right": "there"}
        return (
            lambda number: Order(number, "customer", items, notes),
            lambda item, number: item.id == number and item.items[1].count == 2,
        )
    sys.exit(f"content={content} is unknown")


def typed_messages(work):
    item, _ = typed(work.content)
    number = 0
    while True:
        yield item(number)
        number += 1


def typed_check(work):
    _, is_right = typed(work.content)
    expected = 0

    def check(message):
        nonlocal expected
        if not is_right(message, expected):
            raise ValueError(f"wrong message: {message} expected number={expected}")
        expected += 1
        return expected - 1

    return check


class Work:
    def __init__(self, kind, producers, consumers, length, content, rate):
        self.kind = kind
        self.producers = int(producers)
        self.consumers = int(consumers)
        self.bytes = int(length)
        self.content = content
        self.rate = int(rate)  # of LATENCY, in messages a second

    def messages(self, producer):
        return bytes_messages(self, producer) if self.content == "BYTES" else typed_messages(self)

    def check(self):
        return bytes_check(self) if self.content == "BYTES" else typed_check(self)

    def checksum(self, first, count):
        """What `count` messages from number `first` on add up to, for one producer."""
        return count * first + count * (count - 1) // 2

    def queue(self, kind):
        if kind == "simple-queue":
            return fork.SimpleQueue()
        lane = max(LANE_BYTES, LEAST_MESSAGES * self.bytes)
        return fork.Queue(self.producers * lane // (self.bytes + HEADER_BYTES))


def produce(work, number, queue, start, commands):
    put = queue.put
    messages = work.messages(number)
    first = number << SEQUENCE_BITS
    while True:
        count = commands.recv()
        start.wait(COMMON_START_SECONDS)
        at = time.monotonic_ns()
        for _ in range(count):
            put(next(messages))
        commands.send({"start": at, "sent": work.checksum(first, count)})
        first += count


def consume(work, queue, start, commands):
    get = queue.get
    check = work.check()
    while True:
        count = commands.recv()
        total = 0
        start.wait(COMMON_START_SECONDS)
        for _ in range(count):
            total += check(get())
        commands.send({"end": time.monotonic_ns(), "received": total})


def produce_on_time(work, queue, start, started_at, commands):
    """Message i is due at start + i / rate; one that is late goes at once."""
    put = queue.put
    clock = time.monotonic_ns
    messages = work.messages(0)
    first = 0
    while True:
        count = commands.recv()
        start.wait(COMMON_START_SECONDS)
        started_at.value = begin = clock()
        for i in range(count):
            due = begin + i * NANOS // work.rate
            while clock() < due:
                time.sleep(0)  # not a bare loop, which would keep the interpreter from the queue's own thread
            put(next(messages))
        commands.send({"sent": work.checksum(first, count)})
        first += count


def consume_on_time(work, queue, start, started_at, commands):
    get = queue.get
    clock = time.monotonic_ns
    check = work.check()
    while True:
        count = commands.recv()
        nanos = [0] * count
        total = 0
        start.wait(COMMON_START_SECONDS)
        for i in range(count):
            message = get()
            nanos[i] = clock() - i * NANOS // work.rate
            total += check(message)
        begin = started_at.value
        reply = percentiles([n - begin for n in nanos])
        reply["received"] = total
        commands.send(reply)


def ping(work, there, back, commands):
    messages = work.messages(0)
    check = work.check()
    first = 0
    clock = time.perf_counter_ns
    while True:
        count = commands.recv()
        nanos = [0] * count
        total = 0
        for i in range(count):
            message = next(messages)
            start = clock()
            there.put(message)
            answer = back.get()
            nanos[i] = clock() - start
            total += check(answer)
        reply = percentiles(nanos)
        reply["sent"] = work.checksum(first, count)
        reply["received"] = total
        first += count
        commands.send(reply)


def pong(there, back, commands):
    while True:
        for _ in range(commands.recv()):
            back.put(there.get())
        commands.send({})


def percentiles(nanos):
    nanos.sort()
    figures = {}
    for percentile in (50, 90, 99, 99.9, 99.99):
        figures[f"p{percentile}"] = nanos[min(len(nanos) - 1, int(len(nanos) * percentile / 100))]
    figures["max"] = nanos[-1]
    return figures


class Child:
    """A process that obeys numbers of messages."""

    def __init__(self, cpu, target, *args):
        self.mine, its = fork.Pipe()
        self.process = fork.Process(target=self.main, args=(cpu, target, args, its), daemon=True)
        self.process.start()
        its.close()

    def main(self, cpu, target, args, commands):
        self.mine.close()
        threading.Thread(target=end_with_parent, daemon=True).start()
        os.sched_setaffinity(0, {cpu})
        try:
            target(*args, commands)
        except EOFError:
            pass  # there is no parent any more to obey
        except Exception as e:
            print(f"{target.__name__}: {e!r}", file=sys.stderr, flush=True)
        os._exit(1)


def end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)


class Controller:
    def __init__(self, kind, work, first_cpu, second_cpu):
        self.kind = kind
        self.work = work
        self.first_cpu = first_cpu
        self.second_cpu = second_cpu
        self.unread = b""
        self.producers = []
        self.consumers = []

    def obey_all(self):
        while True:
            seat, command, *arguments = self.next_command().split()
            if command == "create":
                reply = {}
            elif command == "open":
                reply = self.open()
            elif command == "run":
                reply = self.run(int(arguments[0]))
            else:
                sys.exit(f"command={command} is unknown")
            print("reply", seat, *(f"{name}={number}" for name, number in reply.items()), flush=True)

    def next_command(self):
        while b"\n" not in self.unread:
            self.read()
        line, self.unread = self.unread.split(b"\n", 1)
        return line.decode()

    def read(self):
        more = os.read(0, 4096)
        if not more:
            os._exit(0)  # the children see it and end
        self.unread += more

    def open(self):
        work = self.work
        there = work.queue(self.kind)
        if work.kind == "THROUGHPUT":
            start = fork.Barrier(work.producers + work.consumers)
            self.producers = [
                Child(self.first_cpu, produce, work, i, there, start) for i in range(work.producers)
            ]
            self.consumers = [Child(self.second_cpu, consume, work, there, start) for _ in range(work.consumers)]
        elif work.kind == "LATENCY":
            start = fork.Barrier(2)
            started_at = fork.RawValue("q")
            self.producers = [Child(self.first_cpu, produce_on_time, work, there, start, started_at)]
            self.consumers = [Child(self.second_cpu, consume_on_time, work, there, start, started_at)]
        elif work.kind in ("ROUND_TRIP", "WAKE_UP"):
            back = work.queue(self.kind)
            self.producers = [Child(self.first_cpu, pong, there, back)]
            self.consumers = [Child(self.second_cpu, ping, work, there, back)]
        else:
            sys.exit(f"kind={work.kind} is unknown")
        return {}

    def run(self, count):
        for child in self.producers:
            child.mine.send(count)
        share, rest = divmod(count * len(self.producers), len(self.consumers))
        for i, child in enumerate(self.consumers):
            child.mine.send(share + (i < rest))
        replies = self.replies(self.producers + self.consumers)
        if self.work.kind != "THROUGHPUT":
            return {name: number for reply in replies for name, number in reply.items()}
        return {
            "nanos": max(r["end"] for r in replies if "end" in r) - min(r["start"] for r in replies if "start" in r),
            "sent": sum(r.get("sent", 0) for r in replies) & POSITIVE_LONG,
            "received": sum(r.get("received", 0) for r in replies) & POSITIVE_LONG,
        }

    def replies(self, children):
        """Waits for all, and meanwhile for the end of the standard input."""
        replies = {}
        while len(replies) < len(children):
            awaited = {child.mine: child for child in children if child not in replies}
            for ready in multiprocessing.connection.wait([0, *awaited]):
                if ready == 0:
                    self.read()
                    continue
                try:
                    replies[awaited[ready]] = ready.recv()
                except EOFError:
                    os._exit(1)  # it has said why
        return [replies[child] for child in children]


def main(kind, folder, work_kind, producers, consumers, length, content, first_cpu, second_cpu, rate):
    work = Work(work_kind, producers, consumers, length, content, rate)
    Controller(kind, work, int(first_cpu), int(second_cpu)).obey_all()


if __name__ == "__main__":
    main(*sys.argv[1:])
