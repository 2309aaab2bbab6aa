# SPDX-License-Identifier: MIT
"""Fills pymalloc's heap, frees every other object, waits until the agent has spoken and says what the
interpreter's own statistics say. Ends without freeing anything."""
import gc
import os
import re
import sys
import time

SECONDS = float(sys.argv[1])


def own_statistics():
    """Bytes in pymalloc's blocks, from the text that the interpreter writes to descriptor 2."""
    saved, path = os.dup(2), os.open(sys.argv[2], os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.dup2(path, 2)
    sys._debugmallocstats()
    os.dup2(saved, 2)
    text = os.pread(path, 1 << 20, 0).decode()
    found = re.search(r"# bytes in allocated blocks\s*=\s*([\d,]+)", text)
    return int(found.group(1).replace(",", "")) if found else -1


def wait(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        bytearray(100000)
        time.sleep(0.02)


full = [[i, str(i), {i: (i, i)}] for i in range(30000)]
half = [{"n": i, "s": "x" * (i % 400)} for i in range(30000)]
own_statistics()
del half[::2]
gc.collect()
wait(SECONDS)
print(own_statistics(), len(full), flush=True)
os._exit(0)
