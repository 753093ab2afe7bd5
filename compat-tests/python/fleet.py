"""A process of a fleet, around the reader of docs/config-topics.md (`config.py`), and what the two in the other languages do as well.

    place ID...                      the places of ids, a line each
    work BOOTSTRAP TOPIC ID          works until it is killed; prints what it uses whenever that changes
    lie BOOTSTRAP TOPIC ID           says that more failed than was done
    read BOOTSTRAP TOPIC ID          works without ever reporting

It does 20 requests a second. With 40 in `pool.size` every second request fails, and with 0 the process dies: both only where
a hash of the id says so.
"""

import json
import sys
import time

from config import Config, place

SECONDS_EACH = 0.05


class Mute(Config):
    def report(self, value):
        pass


def work(config, process, failed):
    fragile, used = place(process) % 20 == 7, None
    for request in range(sys.maxsize):
        if used != (used := config.get("pool.size")):
            print(json.dumps({"uses": used}), flush=True)
        if used == "0" and place(process) % 2 == 1:
            sys.exit("killed by its configuration")
        config.done(1, failed or int(used == "40" and fragile and request % 2 == 1))
        time.sleep(SECONDS_EACH)


def main(command, *arguments):
    match command:
        case "place":
            print(*map(place, arguments), sep="\n")
        case "work":
            work(Config(*arguments), arguments[2], 0)
        case "lie":
            work(Config(*arguments), arguments[2], 2)
        case "read":
            work(Mute(*arguments), arguments[2], 0)


main(*sys.argv[1:])
