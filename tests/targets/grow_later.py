# SPDX-License-Identifier: MIT
"""Holds 8 MB of one thing from the start; after a line on standard input holds more and more of
another. Ends when standard input does."""
import sys
import threading
import time

asked = threading.Event()


def keep_first():
    return [bytearray(20_000) for _ in range(400)]


def keep_more(kept):
    kept.append(bytearray(20_000))


def read_orders():
    if sys.stdin.readline():
        asked.set()
    sys.stdin.readline()


def main():
    first = keep_first()
    more = []
    reader = threading.Thread(target=read_orders, daemon=True)
    reader.start()
    print("ready", flush=True)
    while reader.is_alive():
        if asked.is_set():
            keep_more(more)
        churn = [bytearray(2000) for _ in range(100)]  # who allocates nothing has nothing to say
        assert churn
        time.sleep(0.01)
    assert first


if __name__ == "__main__":
    main()
