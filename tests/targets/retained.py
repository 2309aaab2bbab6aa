# SPDX-License-Identifier: MIT
"""Objects of one class for each way of being kept alive; then it goes on allocating, so that the agent
is heard. Prints "ready". Usage: retained.py [COUNT [SECONDS]]"""
import asyncio
import collections
import contextvars
import ctypes
import functools
import gc
import sys
import threading
import time

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 100
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60


def kind(name):
    return type(name, (), {"__module__": __name__})


for name in ("InList", "InDict", "InSet", "InDeque", "InCache", "InClosure", "InClass", "InInstance",
             "InSlot", "InThreadLocal", "InContext", "InTask", "InGenerator", "InFrame",
             "InTraceback", "Extra", "InCycle", "Linked", "InNested"):
    globals()[name] = kind(name)

registry = [InList() for _ in range(COUNT)]
cache = {n: InDict() for n in range(COUNT)}
seen = {InSet() for _ in range(COUNT)}
queue = collections.deque(InDeque() for _ in range(COUNT))
settings = {"sessions": [InNested() for _ in range(COUNT)], "other": 1}


@functools.lru_cache(maxsize=None)
def compute(number):
    return InCache()


for number in range(COUNT):
    compute(number)


def make_handler():
    pending = [InClosure() for _ in range(COUNT)]
    return lambda: pending


handler = make_handler()


class Registry:
    items = [InClass() for _ in range(COUNT)]


class Service:
    def __init__(self):
        self.sessions = [InInstance() for _ in range(COUNT)]


class Slotted:
    __slots__ = ("first", "held")

    def __init__(self):
        self.held = [InSlot() for _ in range(COUNT)]


service = Service()
slotted = Slotted()

local = threading.local()
local.buffers = [InThreadLocal() for _ in range(COUNT)]

context_variable = contextvars.ContextVar("request_log")
context_variable.set([InContext() for _ in range(COUNT)])

chain = None
for _ in range(COUNT):
    head = Linked()
    head.next = chain
    chain = head
del head


def produce():
    kept = [InGenerator() for _ in range(COUNT)]
    yield len(kept)
    yield kept


generator = produce()
next(generator)

for _ in range(COUNT):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(Extra()))

gc.disable()
for _ in range(COUNT):
    node = InCycle()
    node.me = node
del node

last_error = None


def fail():
    request = [InTraceback() for _ in range(COUNT)]
    raise ValueError(len(request))


try:
    fail()
except ValueError as error:
    last_error = error


async def waits_for_ever():
    held = [InTask() for _ in range(COUNT)]
    await asyncio.get_running_loop().create_future()
    return held


async def run():
    task = asyncio.ensure_future(waits_for_ever())
    await asyncio.sleep(0)
    in_frame = [InFrame() for _ in range(COUNT)]
    print("ready", flush=True)
    waste = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        waste = [bytearray(4096) for _ in range(200)]
        time.sleep(0.005)  # it does not await: this frame stands below whatever allocates
    task.cancel()
    return in_frame, waste


asyncio.run(run())
