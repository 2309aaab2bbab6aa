# SPDX-License-Identifier: MIT
"""A prefork server whose workers leak a little each and are recycled before it shows, as with
gunicorn's max_requests: prefork_leak.py [SECONDS OF A WORKER'S LIFE]. Ends at SIGTERM."""
import os
import signal
import sys
import time

WORKERS = 6
LIFE_S = float(sys.argv[1]) if len(sys.argv) > 1 else 40.0
SEEN = []


def handle(number):
    SEEN.append(bytearray(900 + number % 2))  # culprit


def work(life_s):
    modules = [bytearray(4000) for _ in range(1000)]  # what a worker loads before it serves
    end_s = time.monotonic() + life_s
    number = 0
    while time.monotonic() < end_s:
        handle(number)
        number += 1
        churn = [bytearray(3000) for _ in range(20)]
        assert modules and churn
        time.sleep(0.05)
    os._exit(0)


def fork_worker(life_s):
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work(life_s)
    return child


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # The first ones end one after the other, so that not all are recycled at once.
    children = {fork_worker(LIFE_S * (number + 3) / (WORKERS + 2)) for number in range(WORKERS)}
    try:
        while True:
            ended = os.waitpid(-1, os.WNOHANG)[0]
            if ended:
                children.discard(ended)
                children.add(fork_worker(LIFE_S))
            assert bytearray(100000)
            time.sleep(0.1)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
