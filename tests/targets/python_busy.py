# SPDX-License-Identifier: MIT
"""Threads that make and drop objects of all sizes until stdin closes, and check what they made:
python_busy.py [THREADS, else 4] [tracemalloc: which is then started and stopped all the time]."""
import random
import sys
import threading
import time
import tracemalloc

stop = threading.Event()
wrong = []


def work(seed):
    rng = random.Random(seed)
    while not stop.is_set():
        rows = [{"a": i, "b": [i] * (i % 40)} for i in range(300)]
        rows.append(bytearray(700))
        text = "x".join(str(i) for i in range(300))
        rng.shuffle(rows)
        if len(text) != 1089 or sum(len(r["b"]) for r in rows if isinstance(r, dict)) != 5650:
            wrong.append(seed)


def is_traced():
    made = object()
    return tracemalloc.get_object_traceback(made) is not None


def trace():
    while not stop.is_set():
        tracemalloc.start(3)
        before = is_traced()
        time.sleep(0.02)  # the others may have no turn in it and leave no trace
        tracemalloc.take_snapshot()
        if not before or not is_traced():
            wrong.append("tracemalloc")
        tracemalloc.stop()
        time.sleep(0.02)


count = int(sys.argv[1]) if len(sys.argv) > 1 else 4
threads = [threading.Thread(target=work, args=(seed,)) for seed in range(count)]
if sys.argv[2:] == ["tracemalloc"]:
    threads.append(threading.Thread(target=trace))
for thread in threads:
    thread.start()
sys.stdin.read()
stop.set()
for thread in threads:
    thread.join()
sys.exit(f"wrong: {sorted(set(map(str, wrong)))}" if wrong else 0)
