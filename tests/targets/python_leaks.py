# SPDX-License-Identifier: MIT
"""Leaky programs, one for each way in which Python programs keep what they do not need:

    python_leaks.py NAME        leaks some 100 KiB/s until it is killed, beside ordinary work
    python_leaks.py --list      the names

A line that ends in "# culprit NAME" allocates what that program leaks: who mends it, begins there.
Runs on CPython 3.8 and later, without any package."""
import asyncio
import contextvars
import ctypes
import functools
import gc
import json
import sys
import threading
import time

ROUNDS_PER_S = 20
LEAKS = {}


def leak(function):
    LEAKS[function.__name__] = function
    return function


REQUEST = json.dumps({"user": 17, "items": [{"id": i, "price": i * 1.5} for i in range(12)]})


def work():
    """What a service does beside its leak, and gives back: dicts, lists, floats, strings."""
    order = json.loads(REQUEST)
    order["total"] = sum(item["price"] for item in order["items"])
    return json.dumps(order)


def rounds():
    number = 0
    while True:
        yield number
        work()
        number += 1
        time.sleep(1 / ROUNDS_PER_S)


HISTORY = []


@leak
def global_list():
    for number in rounds():
        for step in range(24):
            HISTORY.append({"request": number, "step": step})  # culprit global_list


PAGES = {}


@leak
def unbounded_dict_cache():
    for number in rounds():
        for step in range(8):
            key = (number, step)
            if key not in PAGES:
                PAGES[key] = "page %d " % number * 70  # culprit unbounded_dict_cache


@functools.lru_cache(None)
def squares(number):
    return [i + number for i in range(300, 360)]  # culprit lru_cache_none


@leak
def lru_cache_none():
    for number in rounds():
        for step in range(3):
            squares(number * 1000 + step)


HANDLERS = []


def make_handler(number):
    seen = {number}  # culprit closure_registry

    def handler(event):
        return event in seen
    return handler


@leak
def closure_registry():
    for number in rounds():
        for step in range(12):
            HANDLERS.append(make_handler(number * 100 + step))


class Signal:
    def __init__(self):
        self.callbacks = []

    def connect(self, callback):
        self.callbacks.append(callback)


class Widget:
    __slots__ = ("title", "width", "height", "parent", "font", "color", "style", "children")

    def on_change(self):
        return self.title


CHANGED = Signal()


@leak
def callback_list():
    for _ in rounds():
        for _ in range(40):
            widget = Widget()  # culprit callback_list
            CHANGED.connect(widget.on_change)


class Node:
    def __init__(self):
        self.me = self


@leak
def self_reference_gc_off():
    gc.disable()
    for _ in rounds():
        for _ in range(40):
            Node()  # culprit self_reference_gc_off


class Plugin:
    __slots__ = ("box", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k")


untrack = ctypes.pythonapi.PyObject_GC_UnTrack
untrack.argtypes, untrack.restype = [ctypes.py_object], None


@leak
def cycle_gc_cannot_see():
    """What an extension does whose type holds references and has no tp_traverse."""
    for _ in rounds():
        for _ in range(36):
            plugin = Plugin()  # culprit cycle_gc_cannot_see
            plugin.box = [plugin]
            untrack(plugin.box)


ERRORS = []


def parse(number):
    buffer = bytearray(4000)  # culprit exception_traceback
    raise ValueError("line %d of %d bytes" % (number, len(buffer)))


@leak
def exception_traceback():
    for number in rounds():
        try:
            parse(number)
        except ValueError as error:
            ERRORS.append(error)


@leak
def thread_local():
    context = threading.local()

    def serve():
        context.trail = []
        for number in rounds():
            for step in range(44):
                context.trail.append(("step", number, step, None, "done"))  # culprit thread_local

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()


TRAIL = contextvars.ContextVar("trail")


class Link:
    __slots__ = ("before", "what", "when", "who", "why", "where", "how", "cost")

    def __init__(self, before):
        self.before = before


@leak
def context_variable():
    TRAIL.set(None)
    for _ in rounds():
        for _ in range(44):
            TRAIL.set(Link(TRAIL.get()))  # culprit context_variable


@leak
def asyncio_tasks():
    pending = set()

    async def wait_for_answer():
        answer = bytearray(700)  # culprit asyncio_tasks
        await asyncio.get_running_loop().create_future()
        return answer

    async def serve():
        for number in range(1 << 60):
            work()
            for _ in range(6):
                pending.add(asyncio.ensure_future(wait_for_answer()))
            await asyncio.sleep(1 / ROUNDS_PER_S)

    asyncio.run(serve())


READERS = []


def read_rows(count):
    rows = [(row, count) for row in range(count)]  # culprit unfinished_generator
    for row in rows:
        yield row


@leak
def unfinished_generator():
    for _ in rounds():
        reader = read_rows(70)
        next(reader)
        READERS.append(reader)


LIBC = ctypes.CDLL(None)
LIBC.malloc.argtypes, LIBC.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p


@leak
def ctypes_malloc():
    for _ in rounds():
        for _ in range(10):
            LIBC.malloc(500)  # culprit ctypes_malloc


class Record:
    __slots__ = ("key", "value", "a", "b", "c", "d", "e", "f")


keep_reference = ctypes.pythonapi.Py_IncRef
keep_reference.argtypes, keep_reference.restype = [ctypes.py_object], None


@leak
def extension_reference():
    """What an extension does that forgets a Py_DECREF."""
    for _ in rounds():
        for _ in range(50):
            record = Record()  # culprit extension_reference
            keep_reference(record)


class Account:
    audit = []

    def book(self, amount):
        self.audit.append((amount, "EUR", "2026", None, self.__class__))  # culprit class_attribute


@leak
def class_attribute():
    account = Account()
    for number in rounds():
        for step in range(44):
            account.book(number * 1000 + step)


def collect(number, seen=[]):
    seen.append(bytes(1000))  # culprit mutable_default
    return number


@leak
def mutable_default():
    for number in rounds():
        for _ in range(5):
            collect(number)


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print("\n".join(LEAKS))
    else:
        LEAKS[sys.argv[1]]()
