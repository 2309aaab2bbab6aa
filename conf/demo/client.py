# SPDX-License-Identifier: MIT
"""Sends requests to the demo's shop at a steady pace until it is ended or the shop is gone.

Usage: client.py PORT [REQUESTS_PER_SECOND]
"""
import http.client
import itertools
import sys
import time


def main():
    port = int(sys.argv[1])
    pause_s = 1 / float(sys.argv[2] if len(sys.argv) > 2 else 60)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    due = time.monotonic()
    for number in itertools.count(1):
        try:
            connection.request("GET", f"/order?id={number}")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return
        due += pause_s
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main()
