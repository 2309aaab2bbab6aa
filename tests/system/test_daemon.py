# SPDX-License-Identifier: MIT
"""The real daemon with real programs: who is seen, what happens when either side dies, and what
bad frames, bad configuration and bad HTTP do."""
import http.client
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon import BUILD, Daemon, wait_for  # noqa: E402

HEADER = struct.Struct("<IHH")


def closed_by_peer(peer):
    """True once the other side closed; what it said before is read away."""
    try:
        while peer.recv(4096):
            pass
        return True
    except ConnectionError:
        return True
    except socket.timeout:
        return False


class Life(unittest.TestCase):
    def test_four_forked_workers_are_processes_of_their_own(self):
        with Daemon() as daemon:
            parent = daemon.python("tests/targets/prefork.py", name="prefork",
                                   stdout=subprocess.PIPE)
            workers = [int(word) for word in parent.stdout.readline().split()]
            self.assertEqual(4, len(workers))
            rows = [daemon.process_of(pid, state="watching") for pid in (parent.pid, *workers)]
            self.assertEqual(5, len({row["id"] for row in rows}))
            wait_for(lambda: all(daemon.process_of(pid)["live_bytes"] > 500_000 * (n + 1)
                                 for n, pid in enumerate(workers)), 10,
                     "each worker's live bytes hold what it keeps")
            parent.terminate()
            for pid in workers:
                daemon.process_of(pid, state="killed")

    def test_a_service_that_ends_by_itself_is_exited(self):
        with Daemon() as daemon:
            service = daemon.python("tests/targets/steady.py", name="steady",
                                    stdout=subprocess.PIPE)
            service.stdout.readline()
            daemon.process_of(service.pid, state="watching")
            service.terminate()
            daemon.process_of(service.pid, state="exited")

    def test_kill_9_of_a_service_is_killed_and_keeps_its_last_totals(self):
        with Daemon() as daemon:
            service = daemon.python("tests/targets/steady.py", name="steady",
                                    stdout=subprocess.PIPE)
            service.stdout.readline()
            wait_for(lambda: daemon.process_of(service.pid)["live_bytes"] > 20_000_000, 15,
                     "the service's live bytes are known")
            service.kill()
            row = daemon.process_of(service.pid, state="killed")
            self.assertGreater(row["live_bytes"], 20_000_000)
            self.assertLess(row["live_bytes"], 40_000_000)

    def test_agents_are_back_within_15_s_after_kill_9_of_leakd(self):
        with Daemon() as daemon:
            services = [daemon.python("tests/targets/steady.py", name=f"steady{n}")
                        for n in range(3)]
            for service in services:
                daemon.process_of(service.pid, state="watching")
            daemon.stop(signal.SIGKILL)
            time.sleep(1)
            daemon.start()
            deadline = time.monotonic() + 15
            for service in services:
                row = daemon.process_of(service.pid, deadline - time.monotonic(),
                                        state="watching")
                self.assertEqual(f"steady{services.index(service)}", row["name"])
            wait_for(lambda: all(daemon.process_of(s.pid)["live_bytes"] > 20_000_000
                                 for s in services), 40, "live bytes are right again")
            for service in services:
                self.assertIsNone(service.poll(), "the service lives on")

    def test_sigterm_ends_leakd_cleanly_within_5_s(self):
        with Daemon() as daemon:
            service = daemon.python("tests/targets/steady.py")
            daemon.process_of(service.pid)
            began = time.monotonic()
            self.assertEqual(0, daemon.stop(), daemon.log())
            self.assertLess(time.monotonic() - began, 5)
            self.assertNotIn("Sanitizer", daemon.log())
            self.assertIsNone(service.poll(), "the service lives on")

    def test_leakctl_shows_what_the_api_knows(self):
        with Daemon() as daemon:
            service = daemon.python("tests/targets/steady.py", name="steady")
            row = daemon.process_of(service.pid)
            table = daemon.ctl("ps", "--socket", daemon.api_path)
            self.assertEqual(0, table.returncode, table.stderr)
            self.assertIn("steady", table.stdout)
            shown = daemon.ctl("show", "--socket", daemon.api_path, row["id"])
            self.assertEqual(0, shown.returncode, shown.stderr)
            self.assertIn("cpython 3.11", shown.stdout)
            missing = daemon.ctl("show", "--socket", daemon.api_path, "no-such-process")
            self.assertEqual(5, missing.returncode)

    def test_leakctl_says_when_leakd_is_not_there(self):
        with Daemon() as daemon:
            daemon.stop()
            answer = daemon.ctl("ps", "--socket", daemon.api_path)
            self.assertEqual(3, answer.returncode)
            self.assertIn("leakd", answer.stderr)


class BadStart(unittest.TestCase):
    def test_a_taken_port_is_said_and_no_socket_is_left_behind(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            daemon = Daemon(f"[http]\nlisten = 127.0.0.1:{taken.getsockname()[1]}\n")
            self.addCleanup(daemon.close)
            with self.assertRaises(AssertionError) as failed:
                daemon.start()
        self.assertIn("is in use", str(failed.exception))
        for path in (daemon.socket_path, daemon.api_path):
            self.assertFalse(os.path.lexists(path), path)


class BadFrames(unittest.TestCase):
    """Every bad peer loses its own connection; a good one beside it goes on."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        cls.service = cls.daemon.python("tests/targets/steady.py", name="bystander")
        cls.daemon.process_of(cls.service.pid)

    def tearDown(self):
        before = self.daemon.process_of(self.service.pid)["alloc_count_total"]
        wait_for(lambda: self.daemon.process_of(self.service.pid)["alloc_count_total"] > before,
                 30, "the bystander's figures go on")

    def refused(self, data, *said):
        start = len(self.daemon.log())
        with self.daemon.connect() as peer:
            peer.sendall(data)
            self.assertTrue(closed_by_peer(peer), "the connection was closed")
        # Lines about the bystander may come first.
        wait_for(lambda: all(word in self.daemon.log()[start:] for word in ("warning", *said)), 30,
                 "the daemon said why")

    def test_a_length_beyond_the_limit_is_refused_before_it_is_buffered(self):
        self.refused(HEADER.pack(0x7fffffff, 1, 0))

    def test_a_first_record_that_is_no_hello_is_refused(self):
        self.refused(HEADER.pack(9, 12, 0) + bytes(9), "HELLO")

    def test_a_short_hello_is_refused(self):
        self.refused(HEADER.pack(4, 1, 0) + bytes(4), "HELLO")

    def test_noise_is_refused(self):
        self.refused(b"GET / HTTP/1.1\r\nHost: leakd\r\n\r\n")

    def test_a_peer_that_closes_in_the_middle_of_a_frame_harms_nobody(self):
        with self.daemon.connect() as peer:
            peer.sendall(HEADER.pack(100, 1, 0) + bytes(10))


class BadHttp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()

    def problem(self, status, path, **options):
        code, headers, body = self.daemon.status_of(path, **options)
        self.assertEqual(status, code, body)
        self.assertIn("application/problem+json", headers["Content-Type"])
        self.assertIn('"detail"', body)

    def test_an_unknown_path_is_404(self):
        self.problem(404, "/api/v1/nothing")

    def test_an_unknown_process_is_404(self):
        self.problem(404, "/api/v1/processes/1-2")

    def test_a_bad_parameter_is_400(self):
        self.problem(400, "/api/v1/processes?limit=many")

    def test_another_method_is_405(self):
        self.problem(405, "/api/v1/processes", method="DELETE")

    def test_a_foreign_host_is_421(self):
        self.problem(421, "/api/v1/processes", headers={"Host": "evil.example"})

    def test_garbage_on_the_port_harms_nobody(self):
        for junk in (b"\x16\x03\x01\x02\x00\x01\x00", b"\r\n" * 1000, b"GET\r\n\r\n",
                     b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", bytes(range(256)) * 40):
            with socket.create_connection(("127.0.0.1", self.daemon.port), timeout=5) as peer:
                peer.sendall(junk)
        self.assertEqual(200, self.daemon.status_of("/livez")[0])

    def test_200_requests_on_one_connection_are_answered(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=10)
        for _ in range(200):
            connection.request("GET", "/livez")
            self.assertEqual(200, connection.getresponse().read() and 200)
        connection.close()


class BadConfig(unittest.TestCase):
    def refused(self, text, *said):
        with Daemon() as daemon:
            daemon.stop()
            with open(daemon.conf_path, "w", encoding="utf-8") as file:
                file.write(text)
            answer = subprocess.run(
                [os.path.join(BUILD, "leakd"), "--user", "--check-config", "--config",
                 daemon.conf_path, "--runtime-dir", daemon.folder, "--state-dir", daemon.folder],
                capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual(1, answer.returncode, answer.stdout)
            for word in said:
                self.assertIn(word, answer.stderr)

    def test_an_unknown_key_is_named_with_file_line_and_a_hint(self):
        self.refused("[http]\n\nlissten = 127.0.0.1:7373\n", "leakd.conf:3", "lissten", "listen")

    def test_a_bad_value_is_named_with_file_and_line(self):
        self.refused("[detect]\nprofile = sensitive\n", "leakd.conf:2", "sensitive", "strict")

    def test_an_address_that_others_could_reach_is_refused(self):
        self.refused("[http]\nlisten = 0.0.0.0:7373\n", "leakd.conf:2", "network", "127.0.0.1")

    def test_a_key_set_back_before_the_restart_is_not_called_changed(self):
        conf = "[http]\nlisten = 127.0.0.1:0\n[detect]\nprofile = "
        with Daemon(conf + "fast\n") as daemon:
            for times, profile in enumerate(("strict", "fast"), 1):
                with open(daemon.conf_path, "w", encoding="utf-8") as file:
                    file.write(conf + profile + "\n")
                daemon.process.send_signal(signal.SIGHUP)
                wait_for(lambda: daemon.log().count("reload.done") == times, 30, "it was reloaded")
            self.assertEqual(1, daemon.log().count("reload.partly"))

    def test_a_bad_file_at_reload_changes_nothing(self):
        with Daemon() as daemon:
            with open(daemon.conf_path, "a", encoding="utf-8") as file:
                file.write("[nonsense]\nx = 1\n")
            daemon.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "reload.refused" in daemon.log(), 30, "the reload was refused")
            self.assertEqual(200, daemon.status_of("/livez")[0])


if __name__ == "__main__":
    unittest.main()
