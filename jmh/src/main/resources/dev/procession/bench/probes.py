"""What is measured of Python in a process of its own: how fast processes start, what waiting and pools cost.

Obeys one command a line and answers each by one, like dev.procession.bench.Probe. Spawned processes load this file
again, so it imports no more than it needs.

usage: probes.py SYSTEM FOLDER KIND ...
"""

import multiprocessing
import os
import queue
import sys
import threading
import time


class WorkerStart:
    """Milliseconds from Process.start() until this process has got the first item.

    Of one process; and of one on each core, until the last of them has sent it. The fork server, if there is one, runs
    already.
    """

    WARM_UPS = 5

    def __init__(self, method):
        self.context = multiprocessing.get_context(method)
        self.queue = self.context.SimpleQueue()
        for _ in range(self.WARM_UPS):
            self.sample()

    def sample(self):
        return [
            self.millis_until_all_have_sent(1),
            self.millis_until_all_have_sent(len(os.sched_getaffinity(0))),
        ]

    def millis_until_all_have_sent(self, count):
        processes = [self.context.Process(target=send, args=(self.queue, n)) for n in range(count)]
        start = time.perf_counter_ns()
        for process in processes:
            process.start()
        for _ in processes:
            self.queue.get()
        millis = (time.perf_counter_ns() - start) / 1e6
        for process in processes:
            process.join()  # its end is part of no figure, so it may not run into the next one
        return millis


def send(queue, number):
    queue.put(number)


class IdleCpu:
    """The share of one core, in percent, that this process uses while it waits for an item that does not come."""

    SECONDS = 1

    def __init__(self):
        self.queue = multiprocessing.Queue()

    def sample(self):
        cpu, start = time.process_time_ns(), time.perf_counter_ns()
        try:
            self.queue.get(timeout=self.SECONDS)
            sys.exit("got an item that nobody has put")
        except queue.Empty:
            pass
        return [100 * (time.process_time_ns() - cpu) / (time.perf_counter_ns() - start)]


class Pools:
    """What tasks cost in a pool with as many workers as there are cores, warm: as Pools.java measures it."""

    WARM_UPS = 1
    IN_FLIGHT = 1000
    ROUND_TRIPS = 200
    LEAST_NANOS = 60_000_000
    KIB = 1 << 10
    MIB = 1 << 20
    LARGE = 32  # arguments of 1 MiB in flight
    HUGE_MIB = 100
    SPINS = 20  # for each worker

    def __init__(self, system):
        self.size = len(os.sched_getaffinity(0))
        self.is_chunked = system == "python-pool-chunked"
        if system == "python-executor":
            import concurrent.futures  # not above: spawned processes would load it, too

            pool = concurrent.futures.ProcessPoolExecutor(self.size, initializer=watch_parent)
            self.call = lambda task, argument: pool.submit(task, argument).result()
            self.call_all = lambda task, arguments: [
                future.result() for future in [pool.submit(task, argument) for argument in arguments]
            ]
            self.map = lambda task, items: list(pool.map(task, items))
        else:
            pool = multiprocessing.Pool(self.size, initializer=watch_parent)
            chunk = None if self.is_chunked else 1
            self.call = lambda task, argument: pool.apply(task, (argument,))
            self.call_all = self.map = lambda task, items: pool.map(task, items, chunk)
        for _ in range(self.WARM_UPS):
            self.sample()

    def sample(self):
        if self.is_chunked:
            return [None, self.per_second(lambda: self.in_flight(self.IN_FLIGHT, 0)), None, None, None, None]
        return [
            self.round_trip(),
            self.per_second(lambda: self.in_flight(self.IN_FLIGHT, 0)),
            self.spins(),
            self.per_second(lambda: self.in_flight(self.IN_FLIGHT, self.KIB)),
            self.per_second(lambda: self.in_flight(self.LARGE, self.MIB)),
            self.HUGE_MIB * self.per_second(lambda: self.in_flight(1, self.HUGE_MIB * self.MIB)),
        ]

    def round_trip(self):
        """Microseconds, the median."""
        nanos = []
        for number in range(self.ROUND_TRIPS):
            start = time.perf_counter_ns()
            must_be([number], [self.call(same, number)])
            nanos.append(time.perf_counter_ns() - start)
        return sorted(nanos)[self.ROUND_TRIPS // 2] / 1e3

    def in_flight(self, count, length):
        if length == 0:
            must_be(list(range(count)), self.call_all(same, range(count)))
        else:
            arguments = [bytes(length - 1) + bytes([i & 0xFF]) for i in range(count)]
            must_be([i & 0xFF for i in range(count)], self.call_all(last, arguments))
        return count

    def spins(self):
        count = self.SPINS * self.size
        start = time.perf_counter_ns()
        must_be(list(range(count)), self.map(spin, range(count)))
        return count * 1e9 / (time.perf_counter_ns() - start)

    def per_second(self, some):
        start = time.perf_counter_ns()
        count = 0
        while True:
            count += some()
            nanos = time.perf_counter_ns() - start
            if nanos >= self.LEAST_NANOS:
                return count * 1e9 / nanos


def must_be(expected, results):
    if results != expected:
        sys.exit(f"results={results} expected={expected}")


def same(number):
    return number


def last(argument):
    return argument[-1]


def spin(number):
    """Uses a core for 5 ms: time in which another process has it does not count."""
    start = time.thread_time_ns()
    while time.thread_time_ns() - start < 5_000_000:
        pass
    return number


def watch_parent():
    """A worker of a pool does not end by itself when its parent is killed."""
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent():
    multiprocessing.parent_process().join()
    os._exit(1)


def probe(system, kind):
    if kind == "POOL":
        return Pools(system)
    if kind == "WORKER_START" and system in ("python-spawn", "python-forkserver"):
        return WorkerStart(system.removeprefix("python-"))
    if kind == "IDLE_CPU" and system == "python-queue":
        return IdleCpu()
    sys.exit(f"kind={kind} system={system} is not measured here")


def main():
    system, _, kind = sys.argv[1:4]
    probing = None
    for line in sys.stdin:
        command = line.split()[1]
        figures = []
        if command == "open":
            probing = probe(system, kind)
        elif command == "run":
            figures = probing.sample()
        elif command != "create":
            sys.exit(f"command={command}")
        print("reply 0", *(f"figure{i}={round(1000 * f)}" for i, f in enumerate(figures) if f is not None), flush=True)


if __name__ == "__main__":
    main()
