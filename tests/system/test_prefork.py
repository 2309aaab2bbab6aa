# SPDX-License-Identifier: MIT
"""Servers with workers, under a real leakd: who belongs together, and (LEAKD_LONG=1) that a leak of
workers which max_requests recycles is told by their server, for gunicorn and uWSGI.
test_whole_path.py tells such a leak each time, of a server of our own."""
import os
import shutil
import socket
import sys
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon import Daemon, wait_for  # noqa: E402

TARGETS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "targets")
LONG = bool(os.environ.get("LEAKD_LONG"))
# Members: the pool, its workers, and the server between that forks them.
WAYS = {"fork": 4, "spawn": 4, "forkserver": 5}
WITHIN_S = 360
REQUESTS_A_LIFE = "1200"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def gunicorn(port):
    return [shutil.which("gunicorn", path="/usr/bin"), "-w", "4", "--max-requests",
            REQUESTS_A_LIFE, "--max-requests-jitter", "300", "-b", f"127.0.0.1:{port}", "--chdir",
            TARGETS, "--log-level", "critical", "wsgi_leak:application"]


def uwsgi(port):
    return [shutil.which("uwsgi", path="/usr/bin"), "--plugin", "python3", "--http-socket",
            f"127.0.0.1:{port}", "--master", "--processes", "4", "--max-requests",
            REQUESTS_A_LIFE, "--wsgi-file", os.path.join(TARGETS, "wsgi_leak.py"),
            "--disable-logging", "--logto", "/dev/null"]


SERVERS = {"gunicorn": gunicorn, "uwsgi": uwsgi}


def first_of(daemon, name):
    """The process that speaks for the others."""
    for row in daemon.processes():
        if row["name"] == name and "members" in (row["group"] or {}):
            return row
    return None


class Load:
    """Some 80 requests a second until it is ended."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}/"
        self.ended = False
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()

    def ask(self):
        while not self.ended:
            try:
                with urllib.request.urlopen(self.url, timeout=5) as answer:
                    answer.read()
            except OSError:
                time.sleep(0.2)  # it starts, or recycles all workers
            time.sleep(0.012)

    def end(self):
        self.ended = True
        self.thread.join()


class Membership(unittest.TestCase):
    def test_workers_of_multiprocessing_belong_to_their_pool(self):
        with Daemon() as daemon:
            for way in WAYS:
                daemon.python(os.path.join(TARGETS, "pool_workers.py"), way, name=way)

            def joined():
                firsts = {way: first_of(daemon, way) for way in WAYS}
                return all(first and first["group"]["members"] >= WAYS[way] and
                           first["group"]["live_bytes"] > first["live_bytes"]
                           for way, first in firsts.items()) and firsts
            firsts = wait_for(joined, 40, f"members {WAYS}")
            for way, first in firsts.items():
                with self.subTest(way=way):
                    self.assertEqual(WAYS[way], first["group"]["members"])
                    rows = [row for row in daemon.processes() if row["name"] == way]
                    self.assertEqual({first["id"]}, {row["group"]["id"] for row in rows
                                                     if row["group"]})

    def test_workers_of_a_server_belong_to_its_master(self):
        # Their masters fork within moments and allocate next to nothing from then on.
        there = {name: command for name, command in SERVERS.items() if command(0)[0]}
        if not there:
            self.skipTest("neither gunicorn nor uwsgi")
        for name, command in there.items():
            with self.subTest(server=name), Daemon() as daemon:
                port = free_port()
                daemon.run(*command(port), name=name)
                loads = [Load(port) for _ in range(4)]
                try:
                    # The kernel chooses who answers: a worker that never does has nothing to say.
                    wait_for(lambda: (first_of(daemon, name) or {"group": {"members": 0}})
                             ["group"]["members"] >= 3, 40, f"two workers of {name}")
                finally:
                    for load in loads:
                        load.end()
                first = first_of(daemon, name)
                groups = {row["group"]["id"] for row in daemon.processes()
                          if row["name"] == name and row["group"]}
                self.assertEqual(groups, {first["id"]})
                listed = daemon.ctl("ps", "--socket", daemon.api_path).stdout
                self.assertRegex(listed, rf"{name} \+[2-4]\b")


@unittest.skipUnless(LONG, "takes some minutes; LEAKD_LONG=1 runs it")
class Leak(unittest.TestCase):
    def test_it_is_told_once_by_the_master_with_its_line(self):
        servers = {name: command for name, command in SERVERS.items() if command(0)[0]}
        if not servers:
            self.skipTest("neither gunicorn nor uwsgi")
        with Daemon() as daemon:
            loads = []
            self.addCleanup(lambda: [load.end() for load in loads])
            for name, command in servers.items():
                port = free_port()
                daemon.run(*command(port), name=name, profile="fast")
                loads.append(Load(port))

            def told():
                """Incidents of all, each with a site: its frames are named a little later."""
                rows = daemon.get("/api/v1/incidents")["incidents"]
                incidents = [daemon.get("/api/v1/incidents/" + row["id"]) for row in rows]
                return ({row["process"]["name"] for row in incidents} == set(servers) and
                        all(row["sites"] for row in incidents) and incidents)
            for incident in wait_for(told, WITHIN_S, f"incidents of {sorted(servers)}", 1):
                first = first_of(daemon, incident["process"]["name"])
                self.assertEqual(first["id"], incident["process"]["id"])
                self.assertEqual("wsgi_leak.py",
                                 os.path.basename(incident["sites"][0]["culprit"]["file"]))
                self.assertGreaterEqual(first["group"]["ended"], 2)
            self.assertEqual(len(servers), len(daemon.get("/api/v1/incidents")["incidents"]))


if __name__ == "__main__":
    unittest.main()
