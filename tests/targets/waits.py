# SPDX-License-Identifier: MIT
"""Does what a supervisor does, and notes whether anything but its own children ever shows: SIGCHLD,
waitpid(-1), waitpid(-1, __WALL), subprocess, descriptors. Runs until its standard input ends, then
prints what it has seen as JSON. Usage: waits.py [subreaper]"""
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time

WALL = 0x40000000
PR_SET_CHILD_SUBREAPER = 36
seen = {"signals": 0, "own": 0, "strangers": 0, "wrong_status": 0, "at_exit": 0, "loops": 0}


def on_child(number, frame):
    seen["signals"] += 1


def has_child(options):
    try:
        os.waitpid(-1, options | os.WNOHANG)
        return True
    except ChildProcessError:
        return False


def probe(options):
    """Somebody to wait for, when we have nobody. __WALL's wait may meet, in another thread, the helper
    that makes a copy: it is gone at once, however slow the host."""
    end = time.monotonic() + (5 if options else 0)
    while has_child(options):
        if time.monotonic() >= end:
            seen["strangers"] += 1
            return


def busy(stop):
    kept = []
    while not stop.is_set():
        kept.append([bytearray(3000) for _ in range(50)])
        if len(kept) > 20:
            kept.clear()


signal.signal(signal.SIGCHLD, on_child)
if "subreaper" in sys.argv:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    WALL = 0  # there the copy is a direct child, and hidden from all waits but that one
stop = threading.Event()
threads = [threading.Thread(target=busy, args=(stop,)) for _ in range(3)]
for thread in threads:
    thread.start()
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    seen["loops"] += 1
    probe(0)
    probe(WALL)
    child = os.fork()
    if child == 0:
        os._exit(7)
    signals = seen["signals"]
    pid, status = os.waitpid(-1, 0)
    seen["own"] += 1
    seen["wrong_status"] += pid != child or os.waitstatus_to_exitcode(status) != 7 \
        if hasattr(os, "waitstatus_to_exitcode") else pid != child or status != 7 << 8
    done = subprocess.run(["/bin/sh", "-c", "exit 3"], check=False)
    seen["own"] += 1
    seen["wrong_status"] += done.returncode != 3
    probe(WALL)
stop.set()
for thread in threads:
    thread.join()
probe(0)
print(json.dumps(seen), flush=True)
