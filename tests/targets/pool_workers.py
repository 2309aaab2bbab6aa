# SPDX-License-Identifier: MIT
"""A pool of three workers of multiprocessing, by the way that is named: fork, spawn or forkserver.
Ends at SIGTERM."""
import multiprocessing
import os
import signal
import sys
import time

WORKERS = 3


def churn(_):
    end_s = time.monotonic() + 1
    while time.monotonic() < end_s:
        assert bytearray(50000)
        time.sleep(0.01)


def main():
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # workers complain when their pool is killed
    with multiprocessing.get_context(sys.argv[1]).Pool(WORKERS) as pool:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while True:
            pool.map(churn, range(WORKERS), 1)


if __name__ == "__main__":
    main()
