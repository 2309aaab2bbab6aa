# SPDX-License-Identifier: MIT
"""Ends while eight daemon threads press for the interpreter's lock: some have asked the holder to let
it go, and learn that the interpreter has ended at their next look."""
import sys
import threading
import time


def work():
    while True:
        [[i] for i in range(200)]


sys.setswitchinterval(1e-5)
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)
sys.exit(3)
