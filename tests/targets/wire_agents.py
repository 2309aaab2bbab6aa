# SPDX-License-Identifier: MIT
"""Processes that speak the wire themselves and say that they leak, without leaking: so many that a
test may end them by the dozen. Each comes back by itself when leakd does.

Usage: wire_agents.py SOCKET COUNT   prints the pids on one line. SIGTERM makes one say BYE and end;
all end with the first process.
"""
import os
import select
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from wire import BYE_EXIT, CAP_ZOOM, PROTOCOL, encode  # noqa: E402

STEP_S = 0.2
LEVEL_BYTES = 64 << 20
RATE_BYTES_PER_S = 128 << 10
NAMES = {1: "remember", 2: "/srv/shop/cache.py", 3: "handle", 4: "/srv/shop/main.py"}


def hello(number):
    records = [encode("HELLO", protocol=PROTOCOL, instance=os.getpid() * 1000003, pid=os.getpid(),
                      parent_pid=os.getppid(), sample_period_bytes=1 << 19, capabilities=CAP_ZOOM,
                      method=[1, 0, 0], exe="/usr/bin/python3", argv0="python3",
                      name=f"worker{number}", profile="fast", runtime="cpython 3.11.2", reason="",
                      agent_version="test")]
    records += [encode("NAME", id=key, text=text) for key, text in NAMES.items()]
    records.append(encode("SITE", id=1, domain=0, flags=0,
                          frames=[{"function": 1, "file": 2, "line": 88},
                                  {"function": 3, "file": 4, "line": 12}]))
    return b"".join(records)


def totals(began):
    grown = int((time.monotonic() - began) * RATE_BYTES_PER_S)
    now_ms = int(time.monotonic() * 1000)
    live = LEVEL_BYTES + grown
    domain = {"domain": 0, "method": 1, "live_bytes": live, "live_count": live // 100,
              "alloc_bytes": live, "free_bytes": 0, "alloc_count": live // 100, "free_count": 0,
              "mapped_bytes": 0}
    site = {"site_id": 1, "alloc_bytes": grown, "free_bytes": 0, "alloc_count": grown // 100,
            "free_count": 0, "live_samples": grown >> 16, "oldest_age_ms": 0, "newest_age_ms": 0}
    return (encode("TOTALS", time_ms=now_ms, domains=[domain]) +
            encode("SITES", time_ms=now_ms, sites=[site]))


class Leaving(Exception):
    pass


def leave(*_):
    raise Leaving


def talk(path, number, began):
    """One connection, until leakd ends it."""
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(path)
        try:
            stream.sendall(hello(number))
            while os.getppid() == PARENT:
                stream.sendall(totals(began))
                if select.select([stream], [], [], STEP_S)[0] and not stream.recv(4096):
                    return
        except Leaving:
            stream.sendall(totals(began) + encode("BYE", time_ms=0, reason=BYE_EXIT))
            os._exit(0)


def live(path, number):
    signal.signal(signal.SIGTERM, leave)
    began = time.monotonic()
    try:
        while os.getppid() == PARENT:
            try:
                talk(path, number, began)
            except OSError:
                pass
            time.sleep(STEP_S)
    except Leaving:
        pass
    os._exit(0)


PARENT = os.getpid()


def main():
    path, count = sys.argv[1], int(sys.argv[2])
    pids = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            live(path, number)
        pids.append(pid)
    print(*pids, flush=True)
    for _ in pids:
        os.wait()


if __name__ == "__main__":
    main()
