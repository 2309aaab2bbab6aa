# SPDX-License-Identifier: MIT
"""Leaks small objects from every kind of frame, for a while, and ends without freeing anything.
Lines that a test looks for carry a mark."""
import os
import sys
import time

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
COUNT = 12000
keep = []


class Node:
    def __init__(self):
        self.me = self


def cycle():
    d = {}  # dict
    d["self"] = d
    keep.append(d)


def generator():
    while True:
        yield frozenset((1, 2))  # generator


def decorate(function):
    def wrapper(*args):
        return function(*args)
    return wrapper


@decorate
def decorated(i):
    keep.append([i])  # decorated


async def coroutine(i):
    keep.append((i, i))  # coroutine


def drive(i):
    try:
        coroutine(i).send(None)
    except StopIteration:
        pass


class Body:
    rows = []
    for number in range(COUNT):
        rows.append(bytes(90))  # body


namespace = {"keep": keep}
exec(compile("def executed():\n\n    keep.append(bytearray(0))\n", "<made>", "exec"), namespace)


def main():
    values = generator()
    for i in range(COUNT):
        cycle()
        keep.append(next(values))
        decorated(i)
        drive(i)
        namespace["executed"]()
        keep.append(Node())  # node
    keep.extend(map(lambda i: "text %d" % i, range(COUNT)))  # lambda
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        bytearray(100000)  # passes through malloc: the stream goes on
        time.sleep(0.02)


main()
os._exit(0)
