# SPDX-License-Identifier: MIT
"""A process that its memory cgroup kills: what people read in the morning, also after leakd itself
was killed, and what leakd did before. Part of test_durability.py: its two minutes of growth are real
and pass while the others are tested."""
import ast
import os
import shutil
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon import PYTHON, ROOT, Daemon, wait_for  # noqa: E402

LIMIT_BYTES = 192 << 20
HIERARCHIES = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"))


def make_group(limit_bytes=LIMIT_BYTES):
    """A memory cgroup of our own with a limit; raises OSError where that is not allowed."""
    reason = OSError("no memory cgroup")
    for root, limit in HIERARCHIES:
        group = os.path.join(root, f"leakd-test-{os.getpid()}")
        try:
            os.mkdir(group)
        except OSError as error:
            reason = error
            continue
        try:
            with open(os.path.join(group, limit), "w", encoding="ascii") as file:
                file.write(str(limit_bytes))
            return group
        except OSError as error:
            os.rmdir(group)
            reason = error
    raise reason


def remove_group(group):
    for _ in range(50):
        try:
            os.rmdir(group)
            return
        except OSError:
            time.sleep(0.1)


class World:
    """A daemon and a program that leaks in a cgroup of its own; begin() does not wait for it."""

    def begin(self):
        self.cleanups = []
        self.reason = None
        try:
            self.group = make_group()
        except OSError as error:
            self.reason = f"no memory cgroup can be made here: {error}"
            return
        self.cleanups.append(lambda: remove_group(self.group))
        self.folder = tempfile.mkdtemp(prefix="leakd-test-")
        self.cleanups.append(lambda: shutil.rmtree(self.folder))
        self.acted = os.path.join(self.folder, "acted")
        script = os.path.join(self.folder, "act.py")
        with open(script, "w", encoding="utf-8") as file:
            file.write("import os, sys\n"
                       "with open(sys.argv[1], 'a') as file:\n"
                       "    file.write(repr(dict(os.environ)) + '\\n')\n")
        self.daemon = Daemon(f"[action]\ncommand = {PYTHON} {script} {self.acted}\nbefore = 1d\n")
        self.cleanups.append(self.daemon.close)
        self.daemon.start()
        self.eat = os.path.join(self.folder, "eat")
        enter = 'echo $$ >"$0"/cgroup.procs && exec "$@"'
        self.program = self.daemon.run("/bin/sh", "-c", enter, self.group, PYTHON,
                                       os.path.join(ROOT, "tests/targets/hungry.py"), self.eat,
                                       name="hungry", profile="fast", period=16384)

    def end(self):
        for cleanup in reversed(self.cleanups):
            cleanup()


WORLD = World()


class PostMortemFacts:
    """A TestCase of the module that begins and ends the WORLD is made of it."""

    @classmethod
    def setUpClass(cls):
        if WORLD.reason:
            raise unittest.SkipTest(WORLD.reason)
        cls.daemon, cls.program = WORLD.daemon, WORLD.program
        cls.opened = wait_for(cls.incident, 300, "the leak is an incident", 1)
        cls.mark_status = cls.daemon.ctl("mark", "--socket", cls.daemon.api_path, "--release", "2.0")
        wait_for(cls.is_told, 60, "the evidence is whole and stored, the action taken, the mark kept")
        with open(WORLD.eat, "w", encoding="ascii"):
            pass
        cls.exit = cls.program.wait(120)
        cls.ended = wait_for(lambda: cls.incident(lambda row: row["end"] and row["stored"]), 30,
                             "the end is in the incident")
        time.sleep(1)
        cls.daemon.stop(signal.SIGKILL)
        cls.daemon.start()
        cls.after = cls.daemon.get(f"/api/v1/incidents/{cls.opened['id']}")

    @classmethod
    def incident(cls, wanted=lambda row: row["sites"] and row["types"] and row["blame"]):
        for row in cls.daemon.get("/api/v1/incidents")["incidents"]:
            if row["process"]["pid"] == cls.program.pid and wanted(row):
                return row
        return None

    @classmethod
    def is_told(cls):
        row = cls.daemon.get(f"/api/v1/incidents/{cls.opened['id']}")
        actions = [line for line in row["log"] if line["what"] == "action"]
        marks = cls.daemon.get("/api/v1/marks")["marks"]
        return (row["retainers"] and row["stored"] and len(actions) == 2 and
                marks and all(mark["stored"] for mark in marks))

    def test_the_kernel_killed_it(self):
        self.assertEqual(-signal.SIGKILL, self.exit)

    def test_the_incident_says_so_and_what_it_died_of(self):
        self.assertEqual("oom-killed", self.ended["end_state"])
        self.assertEqual("oom-killed", self.ended["process"]["state"])
        self.assertEqual("critical", self.ended["severity"])
        self.assertEqual("open", self.ended["state"], "a leak that killed its program is not over")
        self.assertRegex(self.ended["summary"], r"^OOM-killed at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC; "
                                                r"\d+ % of the growth came from hungry\.py:\d+ ")

    def test_all_of_it_is_there_after_leakd_was_killed_too(self):
        for key in ("summary", "end", "end_state", "ended_ms", "severity", "fingerprint", "sites",
                    "types", "blame", "release"):
            self.assertEqual(self.ended[key], self.after[key], key)
        self.assertIn("hungry.py", self.after["sites"][0]["culprit"]["file"])
        self.assertTrue(any("Session" in row["name"] or row["name"].startswith("builtins.")
                            for row in self.after["types"]), self.after["types"])
        self.assertEqual("oom-killed", self.after["process"]["state"])
        self.assertTrue(self.after["process"]["forgotten"])

    def test_who_kept_the_objects_alive_is_there_too(self):
        paths = [" ".join(row["path"]) for row in self.after["retainers"]]
        self.assertTrue(any("module __main__" in path and ".kept" in path for path in paths), paths)

    def test_its_curve_is_there_too(self):
        series = self.daemon.get(f"/api/v1/processes/{self.after['process']['id']}/series"
                                 f"?from={self.opened['opened_ms'] - 60000}")
        values = [point[1] for point in series["points"]]
        self.assertGreater(len(values), 3)
        self.assertGreater(values[-1], values[0])

    def test_leakctl_shows_it(self):
        shown = self.daemon.ctl("incidents", self.after["id"], "--socket", self.daemon.api_path)
        self.assertEqual(0, shown.returncode, shown.stderr)
        self.assertIn("OOM-killed at", shown.stdout)
        self.assertIn("opened by leakd", shown.stdout)

    def test_people_can_say_that_they_know_and_that_is_kept(self):
        done = self.daemon.ctl("ack", self.after["id"], "--reason", "reading it", "--by", "ada",
                               "--socket", self.daemon.api_path)
        self.assertEqual(0, done.returncode, done.stderr)
        path = f"/api/v1/incidents/{self.after['id']}"
        wait_for(lambda: self.daemon.get(path)["stored"], 30, "it is stored")
        time.sleep(1)
        self.daemon.stop(signal.SIGKILL)
        self.daemon.start()
        row = self.daemon.get(path)
        self.assertEqual("acknowledged", row["state"])
        self.assertEqual(("acknowledged", "ada", "reading it"),
                         tuple(row["log"][-1][key] for key in ("what", "by", "text")))

    def test_the_action_was_taken_once_and_is_in_the_log(self):
        with open(WORLD.acted, encoding="utf-8") as file:
            facts = [ast.literal_eval(line) for line in file]
        self.assertEqual(1, len(facts))
        self.assertEqual(self.after["id"], facts[0]["LEAKD_INCIDENT"])
        self.assertEqual(str(self.program.pid), facts[0]["LEAKD_PID"])
        self.assertEqual("hungry", facts[0]["LEAKD_NAME"])
        self.assertGreater(float(facts[0]["LEAKD_SECONDS_TO_LIMIT"]), 0)
        self.assertNotIn("HOME", facts[0], "leakd's own environment is not handed on")
        texts = [line["text"] for line in self.after["log"] if line["what"] == "action"]
        self.assertEqual("it is due", texts[0])
        self.assertRegex(texts[1], r"^done in \d")
        self.assertEqual(2, len(texts))

    def test_a_mark_is_kept(self):
        self.assertEqual(0, self.mark_status.returncode, self.mark_status.stderr)
        marks = self.daemon.get("/api/v1/marks")["marks"]
        self.assertEqual(["2.0"], [mark["text"] for mark in marks])
        self.assertTrue(marks[0]["stored"])
