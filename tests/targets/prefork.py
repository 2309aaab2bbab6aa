# SPDX-License-Identifier: MIT
"""A service that forks four workers; each keeps some memory of its own and goes on allocating."""
import os
import signal
import sys
import time

WORKERS = 4


def work(number):
    kept = [bytearray(1000) for _ in range(500 * (number + 1))]
    while True:
        churn = [bytearray(3000) for _ in range(200)]
        assert kept and churn
        time.sleep(0.05)


def main():
    children = []
    for number in range(WORKERS):
        child = os.fork()
        if child == 0:
            work(number)
        children.append(child)
    print(" ".join(map(str, children)), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while True:
            churn = [bytearray(3000) for _ in range(100)]
            assert churn
            time.sleep(0.05)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
