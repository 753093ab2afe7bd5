"""A process of a fleet, around the reader of docs/config-topics.md (`config.py`), and what the two in the other languages do as well.

    use BOOTSTRAP TOPIC ID...        what `pool.size` is for each of the ids, a line each
    work BOOTSTRAP TOPIC ID          works until it is killed; prints what it uses whenever that changes
    lie BOOTSTRAP TOPIC ID           says that more failed than was done
    read BOOTSTRAP TOPIC ID          works without ever reporting

It does 20 requests a second. With 40 in `pool.size` every second request fails, and with 0 the process dies: both only where
a hash of the id says so.
"""

import json
import sys
import threading
import time
import zlib

from confluent_kafka import Producer

from config import follow, report

SECONDS_EACH = 0.05


class Process:
    def __init__(self, bootstrap, topic, process):
        self.bootstrap, self.topic, self.process = bootstrap, topic, process
        self.place = zlib.crc32(process.encode()) % 1_000_000
        self.requests, self.errors, self.lock = 0, 0, threading.Lock()
        self.settings, self.known = {}, threading.Event()
        started(self.follow)
        self.known.wait()

    def follow(self):
        for self.settings in follow(self.bootstrap, self.topic, self.process):
            self.known.set()

    def work(self, failed):
        fragile, used = self.place % 20 == 7, None
        for request in range(sys.maxsize):
            if used != (used := self.settings.get("pool.size")):
                print(json.dumps({"uses": used}), flush=True)
            if used == "0" and self.place % 2 == 1:
                sys.exit("killed by its configuration")
            with self.lock:
                self.requests += 1
                self.errors += failed or int(used == "40" and fragile and request % 2 == 1)
            time.sleep(SECONDS_EACH)

    def report(self):
        producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "on_delivery": tell})
        while True:
            time.sleep(1)
            with self.lock:
                figures = {"requests": self.requests, "errors": self.errors}
                self.requests = self.errors = 0
            report(producer, self.topic, self.process, figures)


def tell(error, _):
    if error:
        print("report refused:", error.str(), flush=True)


def started(task):
    threading.Thread(target=task, daemon=True).start()


def main(command, bootstrap, topic, *processes):
    if command == "use":
        for process in processes:
            print(next(follow(bootstrap, topic, process))["pool.size"], flush=True)
        return
    process = Process(bootstrap, topic, *processes)
    if command != "read":
        started(process.report)
    process.work(2 if command == "lie" else 0)


main(*sys.argv[1:])
