# SPDX-License-Identifier: MIT
"""leakd.py: what a Python program tells of itself, and that it is harmless without an agent."""
import os
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "lib"))
sys.path.insert(0, os.path.join(TESTS, "system"))
import pythons  # noqa: E402
import test_python  # noqa: E402
import wire  # noqa: E402

ROOT = os.path.dirname(TESTS)
BUILD = os.environ.get("LEAKD_BUILD") or os.path.join(ROOT, "build")
AGENT = os.path.join(BUILD, "libleakagent.so")
MODULE = os.path.join(ROOT, "agent", "python")

TELLS = """
import gc, leakd, os, sys, time
leakd.mark("release 1.2")
leakd.phase("warm")
leakd.label(shard=3, zone="e\u00fc")
leakd.label(zone=None)
leakd.snapshot()
leakd.time_collections()
gc.collect()
leakd.time_collections(False)
assert leakd._on_collection not in gc.callbacks
print(leakd.is_watched())
"""

def run(path, code, *, env):
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("PYTHON", "LD_", "LEAKD_"))}
    done = subprocess.run([path, "-c", code], stdin=subprocess.DEVNULL, capture_output=True,
                          env=dict(clean, PYTHONPATH=MODULE, PYTHONDONTWRITEBYTECODE="1", **env),
                          text=True, timeout=60, check=False)
    if (done.returncode, done.stderr) != (0, ""):
        raise AssertionError((done.returncode, done.stderr))
    return done.stdout


def watched(path, code, agents=1):
    """What the program printed, and its agents."""
    with wire.Daemon() as daemon:
        out = run(path, code, env={"LD_PRELOAD": AGENT, "LEAKD_SOCKET": daemon.path,
                                   "LEAKD_DELAY_MS": "0"})
        said = daemon.wait_closed(agents)
        if daemon.errors:
            raise AssertionError(daemon.errors)
        return out, said


def texts(agent):
    return [(wire.MARK_KINDS[m["kind"]], m["text"]) for m in agent.marks]


@unittest.skipUnless(pythons.INTERPRETERS, "no CPython")
class Alone(unittest.TestCase):
    def test_every_function_does_nothing_without_the_agent(self):
        for version, path in pythons.INTERPRETERS.items():
            with self.subTest(python=version):
                self.assertEqual(run(path, TELLS, env={}), "False\n")

    def test_labels_that_are_too_many_or_too_long_are_refused(self):
        code = ("import leakd\n"
                "leakd.label(**{'k%d' % i: i for i in range(16)})\n"
                "for bad in ({'one_more': 1}, {'k1': 'x' * 120}):\n"
                "    try: leakd.label(**bad)\n"
                "    except ValueError as error: print(error)\n"
                "leakd.label(k1='again', k2=None, one_more=1)\n")
        self.assertEqual(run(pythons.INTERPRETERS[pythons.newest()], code, env={}).splitlines(),
                         ["leakd: more than 16 labels", "leakd: label k1 is longer than 120 bytes"])


@unittest.skipUnless(os.path.exists(AGENT) and pythons.INTERPRETERS, "no agent or no CPython")
class Told(unittest.TestCase):
    def test_what_a_program_tells_arrives_with_every_version(self):
        for version, path in pythons.INTERPRETERS.items():
            with self.subTest(python=version):
                out, (agent,) = watched(path, TELLS)
                self.assertEqual(out, "True\n")
                self.assertEqual(texts(agent), [
                    ("mark", "release 1.2"), ("phase", "warm"), ("label", "shard=3"),
                    ("label", "zone=eü"), ("label", "zone="),
                    ("snapshot", "asked for by the program")])

    def speak(self, code, wanted):
        done, agent = test_python.run_until(
            [wanted], [pythons.INTERPRETERS[pythons.newest()], "-c", code + test_python.SPEAK],
            PYTHONPATH=MODULE, PYTHONDONTWRITEBYTECODE="1")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return agent

    def test_pauses_of_collections_are_told(self):
        agent = self.speak(TELLS, lambda agent: agent.gcs and agent.gcs[-1]["pause_ns_total"])
        self.assertGreater(agent.gcs[-1]["pause_ns_total"], 1000)

    def test_without_being_measured_they_are_unknown(self):
        agent = self.speak("import gc; gc.collect()\n", lambda agent: agent.gcs and
                           agent.gcs[-1]["generations"][2]["collections"])
        self.assertEqual(agent.gcs[-1]["pause_ns_total"], 0)
        self.assertGreaterEqual(agent.gcs[-1]["generations"][2]["collections"], 1)

    def test_a_forked_child_has_its_parents_labels(self):
        code = ("import leakd, os\nleakd.label(shard=3)\n"
                "if os.fork() == 0: leakd.mark('child')\nelse: os.wait()\n")
        _, agents = watched(pythons.INTERPRETERS[pythons.newest()], code, agents=2)
        child = next(a for a in agents if a.hello["capabilities"] & wire.CAP_FORKED)
        self.assertEqual(texts(child), [("label", "shard=3"), ("mark", "child")])


if __name__ == "__main__":
    unittest.main()
