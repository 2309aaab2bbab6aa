# SPDX-License-Identifier: MIT
"""Four threads that make and drop objects of all sizes until stdin closes; checks what they made."""
import random
import sys
import threading

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


threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
for thread in threads:
    thread.start()
sys.stdin.read()
stop.set()
for thread in threads:
    thread.join()
sys.exit(1 if wrong else 0)
