# SPDX-License-Identifier: MIT
"""What the agent says on its stream: marks, the last words, mappings, other allocators. Programs run
loaded against a small daemon (lib/wire.py), and bare where their output is compared."""

import os
import subprocess
import sys
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))

import daemon  # noqa: E402
import wire  # noqa: E402

BUILD = os.path.abspath(os.environ.get("LEAKD_BUILD") or os.path.join(ROOT, "build"))
AGENT = os.path.join(BUILD, "libleakagent.so")


def target(name):
    return os.path.join(BUILD, "targets", name)


def clean_environment():
    return {k: v for k, v in os.environ.items()
            if not k.startswith("LEAKD_") and k != "LD_PRELOAD"}


def run(argv, env, timeout=60):
    done = subprocess.run(argv, env=env, capture_output=True, timeout=timeout)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Stream(unittest.TestCase):
    def setUp(self):
        self.daemon = wire.Daemon()
        self.daemon.__enter__()
        self.addCleanup(self.close_daemon)

    def close_daemon(self):
        self.daemon.__exit__()
        self.assertEqual(self.daemon.errors, [])

    def environment(self, preload=AGENT, **settings):
        env = dict(clean_environment(), LD_PRELOAD=preload, LEAKD_SOCKET=self.daemon.path,
                   LEAKD_DELAY_MS="0")
        env.update({"LEAKD_" + key.upper(): str(value) for key, value in settings.items()})
        return env

    def hear(self, argv, **settings):
        """Runs a program both ways: what its agent said, and its output."""
        before = len(self.daemon.agents)
        bare = run(argv, clean_environment())
        loaded = run(argv, self.environment(**settings))
        self.assertEqual(bare, loaded)
        return self.daemon.wait_closed(before + 1)[before], loaded[1]


class Marks(Stream):
    def texts(self, agent):
        return [(wire.MARK_KINDS[m["kind"]], m["text"]) for m in agent.marks]

    def test_what_a_program_tells_arrives_in_order_and_cut(self):
        agent, out = self.hear([target("marks")])
        self.assertEqual(out, "errno 77\n")
        self.assertEqual(self.texts(agent), [("phase", "warm"), ("mark", 'cache "filled"'),
                                             ("mark", "x" * 120)])
        self.assertTrue(all(m["age_ms"] < 60000 for m in agent.marks))

    def test_python_tells_through_ctypes(self):
        code = ("import ctypes\n"
                "tell = getattr(ctypes.CDLL(None), 'leakd_mark', None)\n"
                "if tell: tell('Größe'.encode())\n")
        agent, _ = self.hear([sys.executable, "-c", code])
        self.assertEqual(self.texts(agent), [("mark", "Größe")])

    def test_the_release_of_the_environment_comes_behind_the_hello(self):
        agent, _ = self.hear([target("early")], release="shop 2.1")
        self.assertEqual(agent.order[:2], ["HELLO", "MARK"])
        self.assertEqual(self.texts(agent)[0], ("release", "shop 2.1"))

    def test_a_forked_child_has_the_release_and_none_of_its_parents_marks(self):
        code = ("import ctypes, os\n"
                "ctypes.CDLL(None).leakd_mark(b'mine')\n"
                "if os.fork() == 0: [bytearray(1000) for _ in range(10000)]\n"
                "else: os.wait()\n")
        run([sys.executable, "-c", code], self.environment(release="r1"))
        agents = self.daemon.wait_closed(2)
        child = next(a for a in agents if a.hello["capabilities"] & wire.CAP_FORKED)
        self.assertEqual(self.texts(child), [("release", "r1")])


class WholePath(unittest.TestCase):
    def test_marks_and_release_are_on_the_processs_page(self):
        code = ("import ctypes, time\n"
                "ctypes.CDLL(None).leakd_phase(b'warm')\n"
                "while True: x = [bytearray(1000) for _ in range(1000)]; time.sleep(0.05)\n")
        with daemon.Daemon() as leakd:
            program = leakd.run(daemon.PYTHON, "-c", code,
                                env={"LEAKD_RELEASE": "shop 2.1", "LEAKD_DELAY_MS": "0"})
            def told():
                process = leakd.process_of(program.pid, release="shop 2.1")
                return len(process["marks"]) > 1 and process

            process = daemon.wait_for(told, 15, "the mark is on the page")
            self.assertEqual([(m["kind"], m["text"]) for m in process["marks"]],
                             [("release", "shop 2.1"), ("phase", "warm")])
            self.assertLessEqual(abs(process["marks"][1]["at_ms"] - process["started_ms"]), 15000)


if __name__ == "__main__":
    unittest.main()
