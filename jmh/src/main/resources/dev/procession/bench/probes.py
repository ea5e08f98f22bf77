"""What is measured of Python in a process of its own: how fast processes start, and what waiting costs.

Obeys one command a line and answers each by one, like dev.procession.bench.Probe. Spawned processes load this file
again, so it imports no more than it needs.

usage: probes.py SYSTEM FOLDER KIND ...
"""

import multiprocessing
import os
import queue
import sys
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


def probe(system, kind):
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
        print("reply 0", *(f"figure{i}={round(1000 * f)}" for i, f in enumerate(figures)), flush=True)


if __name__ == "__main__":
    main()
