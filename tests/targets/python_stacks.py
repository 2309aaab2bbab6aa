# SPDX-License-Identifier: MIT
"""Leaks from places with difficult stacks; prints a line of JSON for each with the callers of leak()
as the interpreter itself tells them, innermost first: {"kind": ..., "callers": [[name, line], ...]}."""
import asyncio
import contextlib
import ctypes
import functools
import json
import os
import sys
import threading
import time

COUNT = 7000
keep = []
done = set()


def name_of(code):
    return getattr(code, "co_qualname", code.co_name)


def leak(kind):
    """Once for each kind: C code may call back as often as it likes."""
    if kind in done:
        return 0
    done.add(kind)
    callers = []
    frame = sys._getframe(1)
    while frame:
        callers.append((name_of(frame.f_code), frame.f_lineno))
        frame = frame.f_back
    print(json.dumps({"kind": kind, "callers": callers}), flush=True)
    for _ in range(COUNT):
        keep.append({1})  # leak
    return 0


def inner_generator():
    yield leak("generator")


def generator():
    yield 1
    yield from inner_generator()


async def awaited():
    await asyncio.sleep(0)
    leak("coroutine")


async def waiter():
    await awaited()


async def task():
    await asyncio.sleep(0.01)
    leak("task")


async def agenerator():
    yield leak("async generator")


async def main_task():
    await waiter()
    await asyncio.ensure_future(task())
    async for _ in agenerator():
        pass
    asyncio.get_running_loop().call_soon(leak, "loop callback")
    await asyncio.sleep(0.01)


def decorate(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper


@decorate
@decorate
def decorated():
    leak("decorator")


def by_qsort():
    """libc's qsort, called by ctypes, calls back."""
    ints = (ctypes.c_int * 4)(4, 3, 2, 1)
    compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

    def compare(a, b):
        return leak("qsort")
    ctypes.CDLL(None).qsort(ints, 4, 4, compare_type(compare))


def by_python_api():
    """A C function that keeps the interpreter's lock calls back."""
    call = ctypes.pythonapi.PyObject_CallObject
    call.argtypes, call.restype = [ctypes.py_object, ctypes.py_object], ctypes.py_object
    call(functools.partial(leak, "PyObject_CallObject"), ())


class Thing:
    def __init__(self):
        leak("constructor")

    @property
    def value(self):
        return leak("property")

    def __getattr__(self, name):
        return leak("getattr")

    def __lt__(self, other):
        return bool(leak("comparison"))

    def __del__(self):
        leak("destructor")


@contextlib.contextmanager
def managed():
    leak("context manager")
    yield


def recursive(depth):
    return recursive(depth - 1) if depth else leak("recursion")


def main():
    list(generator())
    asyncio.run(main_task())
    decorated()
    by_qsort()
    by_python_api()
    functools.reduce(lambda a, b: leak("reduce"), [1, 2, 3])
    sorted([3, 1, 2], key=lambda row: leak("sorted key"))
    max(map(lambda row: leak("map"), [1]))
    thing = Thing()
    thing.value, thing.missing
    sorted([thing, thing])
    del thing
    with managed():
        pass
    recursive(12)
    exec(compile("\n\nleak('exec')", "<made>", "exec"), {"leak": leak})
    thread = threading.Thread(target=leak, args=("thread",))
    thread.start()
    thread.join()
    if sys.argv[1:] == ["gevent"]:
        import gevent
        gevent.joinall([gevent.spawn(switching, gevent), gevent.spawn(switching, gevent)])


def switching(gevent):
    for _ in range(3):
        gevent.sleep(0)
    leak("greenlet")
    gevent.sleep(0)


main()
# What is new leaves in pieces of 16 KiB, ten a second: some hundred deep stacks take their time.
end_s = time.monotonic() + 4
while time.monotonic() < end_s:
    bytes(100000)  # passes through malloc: the stream goes on
    time.sleep(0.02)
os._exit(0)
