# SPDX-License-Identifier: MIT
"""Programs that only look leaky for a while: python_innocents.py NAME runs until it is killed,
--list tells the names. CPython 3.8 and later, without any package."""
import collections
import gc
import json
import random
import sys
import time

INNOCENTS = {}
chance = random.Random(7)


def innocent(function):
    INNOCENTS[function.__name__] = function
    return function


def rounds(per_s):
    number = 0
    while True:
        yield number
        number += 1
        time.sleep(1 / per_s)


@innocent
def bounded_cache():
    """Fills within half a minute and then turns over."""
    cache = collections.OrderedDict()
    for _ in rounds(20):
        for _ in range(20):
            key = chance.randrange(20000)
            if key in cache:
                cache.move_to_end(key)
            else:
                cache[key] = {"key": key, "text": "page %d " % key * 50}
                if len(cache) > 5000:
                    cache.popitem(last=False)


@innocent
def pool_warm_up():
    """Connections with their buffers are opened as load needs them, up to the pool's size."""
    pool = []
    for number in rounds(20):
        if len(pool) < 120 and number % 4 == 0:
            pool.append({"buffer": bytearray(65536), "statements": {}})
        busy = pool[number % len(pool)]
        busy["buffer"][:100] = bytes(100)
        busy["statements"][number % 50] = "select %d" % (number % 50)


@innocent
def json_churn():
    rows = [{"id": i, "name": "row %d" % i, "tags": ["a", "b"]} for i in range(200)]
    for _ in rounds(20):
        assert len(json.loads(json.dumps(rows))) == len(rows)


class Knot:
    def __init__(self):
        self.me = self
        self.data = bytearray(2000)


@innocent
def gc_sawtooth():
    """Cyclic garbage that the collector takes now and then: up for some seconds, and down."""
    gc.set_threshold(3000, 2, 2)
    for _ in rounds(20):
        for _ in range(12):
            Knot()


@innocent
def batch_job():
    """Every twenty seconds a job that gathers its result and is done with it."""
    for number in rounds(20):
        if number % 400 == 0:
            result = []
        if number % 400 < 240:
            result.extend({"row": i, "value": i * 0.5} for i in range(100))


class Session:
    def __init__(self, ends_s):
        self.ends_s = ends_s
        self.basket = [str(i) for i in range(chance.randrange(40))]


@innocent
def sessions():
    """As many come as go, each lives for a quarter of a minute on average."""
    live = []
    for _ in rounds(20):
        now_s = time.monotonic()
        live.extend(Session(now_s + chance.expovariate(1 / 15)) for _ in range(5))
        live = [session for session in live if session.ends_s > now_s]


@innocent
def interned_strings():
    """Names are met for the first time for half a minute; then all are known."""
    for number in rounds(20):
        for _ in range(30):
            sys.intern("attribute_%d_of_a_rather_long_name" % min(chance.randrange(20000),
                                                                  number * 40))


@innocent
def log_rotation():
    """Lines are kept until there are many, then they are written away."""
    lines = []
    for number in rounds(20):
        lines.extend("%d GET /item/%d 200" % (number, i) for i in range(30))
        if len(lines) > 9000:
            text = "\n".join(lines)
            assert text
            lines.clear()


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print("\n".join(INNOCENTS))
    else:
        INNOCENTS[sys.argv[1]]()
