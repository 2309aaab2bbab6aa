# SPDX-License-Identifier: MIT
"""Nothing that was acknowledged is lost: kill -9 at random moments, damaged files, a disk that is
not there. Ten kills and twenty damages; LEAKD_LONG=1 makes a thousand and five hundred. The first
three minutes are real: incidents come of growth that leakd has watched."""
import collections
import glob
import http.server
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
import urllib.error

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import PYTHON, ROOT, Daemon, wait_for  # noqa: E402
from post_mortem import WORLD, PostMortemFacts  # noqa: E402

LONG = os.environ.get("LEAKD_LONG") == "1"
KILLS = 1000 if LONG else 10
DAMAGES = 500 if LONG else 20
AGENTS = 250 if LONG else 12
VERDICT_S = 300


def setUpModule():
    WORLD.begin()


def tearDownModule():
    WORLD.end()


class Receiver:
    """A webhook receiver that is there from the start, or refuses connections until open()."""

    def __init__(self, is_open=True):
        receiver = self
        self.notices = []  # (webhook-id, type, incident id)
        self.path = f"/{random.getrandbits(64):016x}"

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                if self.path != receiver.path:  # of a leakd whose receiver had our port before us
                    self.send_error(404)
                    return
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.notices.append((self.headers["webhook-id"], body["type"],
                                         body["data"]["incident_id"]))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler,
                                                      bind_and_activate=False)
        self.server.server_bind()
        self.port = self.server.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        if is_open:
            self.open()

    def open(self):
        self.server.server_activate()
        self.thread.start()

    def close(self):
        if self.thread.is_alive():
            self.server.shutdown()
        self.server.server_close()

    def conf(self, name):
        return (f'[receiver "{name}"]\ntype = webhook\ngroup = no\n'
                f'url = http://127.0.0.1:{self.port}{self.path}\n')


def incidents_of(daemon):
    rows, path = {}, "/api/v1/incidents?limit=1000"
    for row in daemon.get(path)["incidents"]:
        rows[row["id"]] = row
    return rows


def state_files(daemon):
    return sorted(glob.glob(os.path.join(daemon.folder, "state", "incidents*.db*")))


def scribble(path, chance):
    """1 to 4096 bytes anywhere in the file become others, or the file ends early."""
    size = os.path.getsize(path)
    if size == 0:
        return
    with open(path, "r+b") as file:
        if chance.random() < 0.2:
            file.truncate(chance.randrange(size))
            return
        at = chance.randrange(size)
        file.seek(at)
        old = file.read(1 + chance.randrange(4096))
        file.seek(at)
        file.write(bytes(byte ^ chance.randrange(1, 256) for byte in old))


class Durability(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.seed = int(os.environ.get("LEAKD_SEED", random.randrange(1 << 32)))
        cls.random = random.Random(cls.seed)
        cls.ops, cls.down = Receiver(), Receiver(is_open=False)
        cls.addClassCleanup(cls.ops.close)
        cls.addClassCleanup(cls.down.close)
        cls.daemon = Daemon(cls.ops.conf("ops") + cls.down.conf("down"))
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        cls.agents = subprocess.Popen(
            [PYTHON, os.path.join(ROOT, "tests/targets/wire_agents.py"), cls.daemon.socket_path,
             str(AGENTS)], stdout=subprocess.PIPE, text=True)
        cls.daemon.programs.append(cls.agents)
        cls.pids = [int(word) for word in cls.agents.stdout.readline().split()]
        cls.crashes = 0
        cls.facts = {}
        cls.play()

    @classmethod
    def play(cls):
        """All that happens, once; the tests ask what came of it."""
        cls.opened = wait_for(cls.all_opened, VERDICT_S, "every agent has its incident", 0.02)
        cls.killed_ms = time.time() * 1000
        cls.after_first = cls.crash()
        cls.series = wait_for(cls.restored_series, 30, "the curve of before the kill is back", 0.5)
        cls.lost, cls.undone, cls.twice, cls.lost_marks = [], [], [], []
        cls.logs_of_loss = []
        cls.acknowledge_and_kill()
        for number in range(KILLS):
            cls.kill_round(number)
        cls.damaged_lost, cls.unready = [], []
        for _ in range(DAMAGES):
            cls.damage_round()
        wait_for(cls.all_seen_again, 60, "leakd knows after its start who lives and who is gone")
        cls.final = incidents_of(cls.daemon)
        cls.down.open()
        cls.daemon.process.send_signal(signal.SIGHUP)  # what waits is tried at once
        wait_for(lambda: cls.daemon.get("/api/v1/status")["notices"]["queued"] == 0, 60,
                 "both receivers have everything")

    @classmethod
    def all_opened(cls):
        rows = incidents_of(cls.daemon)
        done = [row for row in rows.values() if row["stored"]]
        return rows if len(done) == AGENTS else None

    @classmethod
    def all_seen_again(cls):
        """A start looks for processes that are gone in its first second; the others come back."""
        gone = [row["end"] for row in incidents_of(cls.daemon).values()
                if row["process"]["pid"] not in cls.pids]
        living = {row["pid"] for row in cls.daemon.processes() if row["state"] == "watching"}
        return all(gone) and living.issuperset(cls.pids)

    @classmethod
    def restored_series(cls):
        row = next(iter(cls.opened.values()))["process"]
        try:
            series = cls.daemon.get(f"/api/v1/processes/{row['id']}/series?name=live_bytes"
                                    f"&from={int(cls.killed_ms) - 120000}&to={int(cls.killed_ms)}")
        except urllib.error.HTTPError:
            return None  # its agent is not back yet
        # Single seconds are of this run of leakd, perhaps the one in which it was killed.
        return series["points"] and series["step_ms"] >= 10000 and series

    @classmethod
    def crash(cls):
        cls.daemon.stop(signal.SIGKILL)
        cls.crashes += 1
        cls.daemon.start()
        return incidents_of(cls.daemon)

    @classmethod
    def kill_round(cls, number):
        """One agent ends some time before leakd is killed, so that there is something to lose."""
        if cls.pids and number % 4 != 3:
            pid = cls.pids.pop(cls.random.randrange(len(cls.pids)))
            os.kill(pid, cls.random.choice((signal.SIGTERM, signal.SIGKILL)))
        time.sleep(cls.random.random() * 2.5)
        seen = incidents_of(cls.daemon)
        mark = cls.daemon.post("/api/v1/marks", {"text": f"round {number}"})
        cls.daemon.stop(signal.SIGKILL)
        told = {incident for _, event, incident in cls.ops.notices
                if event == "leak.incident.resolved"}
        cls.crashes += 1
        cls.daemon.start()
        found = incidents_of(cls.daemon)
        if mark["stored"] and mark["id"] not in [
                row["id"] for row in cls.daemon.get("/api/v1/marks")["marks"]]:
            cls.lost_marks.append(mark["id"])
        cls.lost += [row["id"] for row in seen.values() if row["stored"] and (
            row["id"] not in found or len(found[row["id"]]["sites"]) < len(row["sites"]))]
        cls.undone += [id for id in told if id not in found or found[id]["state"] != "resolved"]
        if set(seen) - set(found):
            cls.logs_of_loss.append(f"round {number}, {len(found)} of {len(seen)} are back:\n" +
                                    cls.daemon.log()[-3000:])
        processes = collections.Counter(row["process"]["id"] for row in found.values())
        cls.twice += [id for id, count in processes.items() if count > 1]

    @classmethod
    def acknowledge_and_kill(cls):
        """leakd is killed as soon as it has answered."""
        cls.acknowledged = next(row["id"] for row in incidents_of(cls.daemon).values()
                                if row["process"]["pid"] in cls.pids)
        # A disk that takes longer than the answer waits for is no loss: it said so.
        wait_for(lambda: cls.daemon.post(f"/api/v1/incidents/{cls.acknowledged}/acknowledge",
                                         {"by": "ada", "reason": "rolling back"})["stored"],
                 60, "the acknowledgement is stored")
        cls.after_acknowledge = cls.crash()

    @classmethod
    def damage_round(cls):
        before = incidents_of(cls.daemon)
        cls.daemon.stop(signal.SIGKILL)
        cls.crashes += 1
        scribble(cls.random.choice(state_files(cls.daemon)), cls.random)
        cls.daemon.start()  # fails when it refuses to, or is not ready within its 20 s
        after = incidents_of(cls.daemon)
        cls.damaged_lost += [id for id in before if id not in after or
                             after[id]["sites"] != before[id]["sites"]]
        status, _, body = cls.daemon.status_of("/readyz")
        if status != 200:
            cls.unready.append(body)

    def check(self, claim, what):
        self.assertTrue(claim, "\n".join([f"{what}; LEAKD_SEED={self.seed}", *self.logs_of_loss[:3],
                                          self.daemon.log()[-8000:]]))

    def test_an_incident_seen_before_a_kill_9_is_there_after_it_with_its_evidence(self):
        self.assertEqual(set(self.opened), set(self.after_first))
        for id, before in self.opened.items():
            after = self.after_first[id]
            for key in ("fingerprint", "opened_ms", "severity"):
                self.assertEqual(before[key], after[key], key)
            # In an incident's first minutes its figures are renewed, perhaps right before the kill.
            self.assertTrue(after["growth_bytes_per_s"])
            for key in ("sites", "types"):
                self.assertEqual(len(before[key]), len(after[key]), key)
            self.assertEqual("remember", after["sites"][0]["culprit"]["function"])

    def test_a_kill_9_costs_at_most_five_seconds_of_samples(self):
        times = [point[0] for point in self.series["points"]]
        self.assertEqual(10000, self.series["step_ms"])
        self.assertGreater(times[-1] + 10000, self.killed_ms - 5000)
        self.assertGreaterEqual(len(times), 11)
        lowest = [point[1] for point in self.series["points"]]
        self.assertEqual(sorted(lowest), lowest, "it grows, as it did")

    def test_no_kill_9_loses_an_acknowledged_incident(self):
        self.check(not self.lost, f"lost after a kill: {self.lost}")

    def test_what_people_were_told_of_stays_so(self):
        self.check(not self.undone, f"told as resolved, open afterwards: {self.undone}")

    def test_what_people_say_survives_a_kill_right_behind_the_answer(self):
        row = self.after_acknowledge[self.acknowledged]
        self.assertEqual("acknowledged", row["state"])
        self.assertIn(("ada", "rolling back"), [(note["by"], note["text"]) for note in row["log"]])
        self.check(not self.lost_marks, f"marks: {self.lost_marks}")

    def test_no_incident_is_opened_twice(self):
        self.check(not self.twice, f"two incidents of one process: {self.twice}")
        self.assertEqual(set(self.opened), set(self.final))

    def test_ended_agents_have_ended_incidents(self):
        living = {row["pid"] for row in self.daemon.processes() if row["state"] == "watching"}
        for row in self.final.values():
            if row["process"]["pid"] not in self.pids:
                self.check(row["end"], f"no end: {row['id']}")
            else:
                state = "acknowledged" if row["id"] == self.acknowledged else "open"
                self.check(row["state"] == state and not row["end"], f"ended: {row['id']}")
                self.assertIn(row["process"]["pid"], living)

    def test_damage_to_a_file_loses_nothing_and_refuses_no_start(self):
        self.check(not self.damaged_lost, f"lost by damage: {self.damaged_lost}")
        self.check(not self.unready, f"not ready: {self.unready}")

    def test_every_opening_was_told_to_both_receivers(self):
        for receiver in (self.ops, self.down):
            told = {incident for _, event, incident in receiver.notices
                    if event == "leak.incident.opened"}
            self.check(told == set(self.opened), "an opening was not told")

    def test_a_notice_keeps_its_id_over_restarts(self):
        for receiver in (self.ops, self.down):
            ids = collections.defaultdict(set)
            for notice, event, incident in receiver.notices:
                ids[incident, event].add(notice)
            self.check(all(len(of_one) == 1 for of_one in ids.values()), f"more than one: {ids}")

    def test_a_kill_repeats_at_most_one_notice(self):
        repeated = len(self.ops.notices) - len({notice for notice, _, _ in self.ops.notices})
        self.assertLessEqual(repeated, self.crashes)

    def test_a_receiver_that_was_down_gets_each_notice_once_and_in_order(self):
        notices = self.down.notices
        self.assertEqual(len(notices), len({notice for notice, _, _ in notices}))
        self.assertEqual({(event, incident) for _, event, incident in notices},
                         {(event, incident) for _, event, incident in self.ops.notices})
        events = collections.defaultdict(list)
        for _, event, incident in notices:
            events[incident].append(event)
        for of_one in events.values():
            self.assertEqual("leak.incident.opened", of_one[0])

    def test_deliveries_are_in_the_incident_after_the_restarts(self):
        for row in self.final.values():
            self.check(any(delivery["receiver"] == "ops" and delivery["delivered"]
                           for delivery in row["deliveries"]), f"no delivery: {row['id']}")

    def test_z_a_clean_stop_keeps_all_and_leaves_no_log_behind(self):
        before = incidents_of(self.daemon)
        self.assertEqual(0, self.daemon.stop(), self.daemon.log()[-8000:])
        self.assertFalse(glob.glob(os.path.join(self.daemon.folder, "state", "*.db-wal")))
        self.daemon.start()
        after = incidents_of(self.daemon)
        self.assertEqual(set(before), set(after))
        self.assertNotIn("Sanitizer", self.daemon.log())


class Degraded(unittest.TestCase):
    """Without a disk leakd watches on, says so, and mends itself."""

    def degraded(self, daemon):
        status, _, body = daemon.status_of("/readyz")
        return status == 503 and json.loads(body)

    def ready(self, daemon):
        return daemon.status_of("/readyz")[0] == 200

    def test_a_state_folder_that_is_a_file_is_said_and_recovered_from_without_a_restart(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        daemon = Daemon(receiver.conf("ops"))
        self.addCleanup(daemon.close)
        state = os.path.join(daemon.folder, "state")
        with open(state, "w", encoding="ascii"):
            pass
        daemon.start()
        problem = self.degraded(daemon)
        self.assertIn(state, problem["detail"])
        storage = daemon.get("/api/v1/status")["storage"]
        self.assertEqual("degraded", storage["state"])
        self.assertEqual(problem["detail"], storage["problem"])
        self.assertEqual(200, daemon.status_of("/livez")[0])
        self.assertIn("error journal.degraded", daemon.log())
        self.assertIn("leakd_storage_degraded 1", daemon.status_of("/metrics")[2])
        service = daemon.python("tests/targets/steady.py", name="steady")
        daemon.process_of(service.pid, state="watching")
        os.unlink(state)
        wait_for(lambda: self.ready(daemon), 20, "ready again")
        self.assertIn("info journal.recovered", daemon.log())
        self.assertEqual("ok", daemon.get("/api/v1/status")["storage"]["state"])
        wait_for(lambda: len(receiver.notices) >= 2, 30, "people were told of both")
        self.assertEqual(["leakd.storage.degraded", "leakd.storage.recovered"],
                         [event for _, event, _ in receiver.notices])

    def test_a_second_leakd_on_the_same_files_says_so_and_harms_nothing(self):
        with Daemon() as first:
            second = Daemon()
            self.addCleanup(second.close)
            os.symlink(os.path.join(first.folder, "state"), os.path.join(second.folder, "state"))
            second.start()
            self.assertIn("another leakd", self.degraded(second)["detail"])
            self.assertTrue(self.ready(first))
            first.stop()
            wait_for(lambda: self.ready(second), 20, "the second takes over")

    def test_files_that_are_garbage_do_not_refuse_the_start(self):
        with Daemon() as daemon:
            daemon.stop(signal.SIGKILL)
            for path in state_files(daemon):
                with open(path, "wb") as file:
                    file.write(os.urandom(50000))
            daemon.start()
            self.assertTrue(self.ready(daemon))
            self.assertEqual(2, len(glob.glob(os.path.join(daemon.folder, "state",
                                                           "*.corrupt-*Z"))))
            self.assertIn("warning journal.mended", daemon.log())

    @unittest.skipUnless(shutil.which("strace"), "no strace to slow the disk down")
    def test_a_disk_that_takes_seconds_keeps_nobody_waiting(self):
        with Daemon() as daemon:
            tracer = subprocess.Popen(
                ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
                 "-e", "inject=fsync,fdatasync:delay_enter=3000000",
                 "-p", str(daemon.process.pid)], stderr=subprocess.PIPE, text=True)
            self.addCleanup(tracer.stderr.close)
            self.addCleanup(tracer.wait)
            self.addCleanup(tracer.terminate)
            time.sleep(1)
            if tracer.poll() is not None:
                self.skipTest("not allowed to trace: " + tracer.stderr.read().strip())
            # The folder's files go away: they are made anew, with many a sync.
            shutil.rmtree(os.path.join(daemon.folder, "state"))
            slowest = 0.0
            end = time.monotonic() + 75
            made = None
            while time.monotonic() < end and not made:
                began = time.monotonic()
                self.assertEqual(200, daemon.status_of("/livez")[0])
                slowest = max(slowest, time.monotonic() - began)
                made = state_files(daemon)
                time.sleep(0.05)
            self.assertTrue(made, "the disk was asked meanwhile")
            self.assertLess(slowest, 2.9, "shorter than one sync")


class PostMortem(PostMortemFacts, unittest.TestCase):
    """Named to come last: what it waits for grows while the others are tested."""


if __name__ == "__main__":
    unittest.main()
