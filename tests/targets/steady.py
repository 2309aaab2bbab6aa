# SPDX-License-Identifier: MIT
"""Keeps a known amount of memory and goes on allocating and freeing; ends at SIGTERM."""
import signal
import sys
import time

KEPT_BYTES = 20_000_000


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    kept = [bytearray(10_000) for _ in range(KEPT_BYTES // 10_000)]
    print("ready", flush=True)
    while True:
        churn = [bytearray(2000) for _ in range(300)]
        assert kept and churn
        time.sleep(0.02)


if __name__ == "__main__":
    main()
