# SPDX-License-Identifier: MIT
"""Every n-th allocation of leakd's own code fails, once: while it starts, hears agents, ticks, answers
and ends. It says so or goes on, and neither crashes nor leaks: the build has ASan and LSan. What its
libraries allocate is left alone. LEAKD_LONG=1 takes every n."""
import http.client
import json
import mmap
import os
import re
import socket
import struct
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon import Daemon, wait_for  # noqa: E402
from wire import BYE_EXIT, CAP_ZOOM, PROTOCOL, encode  # noqa: E402

LONG = os.environ.get("LEAKD_LONG") == "1"
START_STRIDE = 1 if LONG else 4
STRIDE = 1 if LONG else 5
PATHS = ("/api/v1/status", "/api/v1/processes", "/api/v1/incidents", "/api/v1/marks", "/metrics",
         "/readyz", "/api/v1/openapi.json", "/api/v1/nothing", "/")


class Failing(Daemon):
    """The counters of tests/failing/alloc.h are in a page that both have."""

    def __init__(self, conf=""):
        with tempfile.NamedTemporaryFile(prefix="leakd-test-", delete=False) as file:
            file.write(bytes(4096))
            self.counters_path = file.name
        with open(self.counters_path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)
        super().__init__(conf, program="targets/leakd_failing", env={"LEAKD_FAILING": self.counters_path})

    def close(self):
        super().close()
        self.page.close()
        os.unlink(self.counters_path)

    def fail_at(self, number):
        struct.pack_into("<q", self.page, 0, number)

    def countdown(self):
        return struct.unpack_from("<q", self.page, 0)[0]

    def calls(self):
        return struct.unpack_from("<Q", self.page, 8)[0]


def agent_words(number):
    domain = {"domain": 0, "method": 1, "live_bytes": 1 << 20, "live_count": 10,
              "alloc_bytes": 1 << 20, "free_bytes": 0, "alloc_count": 10, "free_count": 0,
              "mapped_bytes": 0}
    site = {"site_id": 1, "alloc_bytes": 1000, "free_bytes": 0, "alloc_count": 1, "free_count": 0,
            "live_samples": 1, "oldest_age_ms": 0, "newest_age_ms": 0}
    return b"".join((
        encode("HELLO", protocol=PROTOCOL, instance=number, pid=os.getpid(), parent_pid=1,
               sample_period_bytes=1 << 19, capabilities=CAP_ZOOM, method=[1, 0, 0],
               exe="/usr/bin/python3", argv0="python3", name="talker", profile="fast",
               runtime="cpython 3.11.2", reason="", agent_version="test"),
        encode("MODULE", id=1, start=0, end=1 << 20, load_bias=0, path="/bin/true",
               build_id=b"\1\2\3\4"),
        encode("NAME", id=1, text=f"function{number}"), encode("NAME", id=2, text="/srv/a.py"),
        encode("SITE", id=1, domain=0, flags=0,
               frames=[{"module": 1, "offset": 4096 + number},
                       {"function": 1, "file": 2, "line": 88}]),
        encode("TOTALS", time_ms=1, domains=[domain]), encode("SITES", time_ms=1, sites=[site]),
        encode("TYPES", time_ms=1, types=[{"name_id": 1, "live_bytes": 5, "live_count": 1,
                                           "live_samples": 1}]),
        encode("BYE", time_ms=2, reason=BYE_EXIT)))


class AllocationFailures(unittest.TestCase):
    def assert_clean(self, daemon, status):
        log = daemon.log()
        self.assertNotIn("Sanitizer", log, log[-4000:])
        self.assertNotIn("runtime error", log, log[-4000:])
        if "error stop.late" not in log:  # a disk that takes seconds is no failure of this test
            self.assertEqual(0, status, log[-4000:])

    def test_a_start_without_memory_says_so_or_succeeds(self):
        refused = 0
        daemon = Failing()
        self.addCleanup(daemon.close)
        number = 1
        while True:
            daemon.fail_at(number)
            log_from = os.path.getsize(daemon.log_path) if os.path.exists(daemon.log_path) else 0
            try:
                daemon.start()
            except AssertionError:
                refused += 1
                log = daemon.log(log_from)
                self.assertEqual(1, daemon.process.wait(10), f"allocation {number}: {log}")
                self.assertRegex(log, r"(?i)cannot allocate memory|(no|out of|not enough) memory",
                                 f"allocation {number}")
                self.assertNotIn("Sanitizer", log, f"allocation {number}")
            else:
                is_over = daemon.countdown() > 0  # it started with fewer
                daemon.fail_at(0)
                self.assertEqual(200, daemon.status_of("/livez")[0])
                self.assert_clean(daemon, daemon.stop())
                if is_over:
                    break
            number += START_STRIDE
        self.assertGreater(refused, 0)
        self.assertGreater(number, 20)

    def sweep(self, daemon, step):
        """step(n) once for every n that fails something in it; afterwards leakd lives."""
        daemon.fail_at(0)
        step(1000000)
        before = daemon.calls()
        step(1000001)
        calls = max(daemon.calls() - before, 10)
        for number in range(1, calls + 1, STRIDE):
            daemon.fail_at(number)
            step(number)
            daemon.fail_at(0)
            self.assertEqual(200, daemon.status_of("/livez")[0], f"after allocation {number}")

    def say(self, daemon, number):
        try:
            with daemon.connect() as peer:
                peer.sendall(agent_words(number))
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(4096):
                    pass
        except OSError:
            pass  # a connection may be refused for lack of memory

    def ask(self, daemon, path, body=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(daemon.url(path), headers=headers, data=data)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()
        except (urllib.error.URLError, http.client.HTTPException, OSError):
            pass  # 503, 500, or the connection ends: all are answers

    def test_agents_clients_and_receivers_meet_no_crash(self):
        # Nobody listens there: the delivery fails and waits.
        daemon = Failing('[receiver "ops"]\ntype = webhook\nurl = http://127.0.0.1:9/\n')
        self.addCleanup(daemon.close)
        daemon.start()
        self.sweep(daemon, lambda number: self.say(daemon, number))
        for path in PATHS:
            self.sweep(daemon, lambda number: self.ask(daemon, path))
        self.sweep(daemon, lambda number: self.ask(daemon, "/api/v1/marks", {"text": "x"}))
        self.sweep(daemon, lambda number: self.ask(
            daemon, "/api/v1/processes/1-1/series?from=1600000000000"))
        self.sweep(daemon, lambda number: self.ask(daemon, "/api/v1/receivers/ops/test", {}))
        self.assert_clean(daemon, daemon.stop())

    def test_ticks_and_the_disk_meet_no_crash(self):
        daemon = Failing()
        self.addCleanup(daemon.close)
        daemon.start()
        with daemon.connect() as peer:
            peer.sendall(agent_words(7)[:-20])  # stays, for its BYE is cut
            for number in range(1, 40 if LONG else 8):
                daemon.fail_at(number * 3)
                self.ask(daemon, "/api/v1/marks", {"text": f"mark {number}"})
                time.sleep(1.1)
        daemon.fail_at(0)
        marks = wait_for(lambda: self.stored_marks(daemon), 20, "what was kept is stored")
        self.assertGreater(len(marks), 0)
        self.assertEqual(200, daemon.status_of("/readyz")[0], daemon.log()[-3000:])
        self.assert_clean(daemon, daemon.stop())

    def stored_marks(self, daemon):
        marks = daemon.get("/api/v1/marks")["marks"]
        return marks if all(mark["stored"] for mark in marks) else None

    def test_an_end_without_memory_is_an_end(self):
        for number in range(1, 60 if LONG else 20, 1 if LONG else 5):
            daemon = Failing()
            self.addCleanup(daemon.close)
            daemon.start()
            self.say(daemon, 1)
            daemon.fail_at(number)
            self.assert_clean(daemon, daemon.stop())
            self.assertTrue(re.search(r"^info stop ", daemon.log(), re.M))


if __name__ == "__main__":
    unittest.main()
