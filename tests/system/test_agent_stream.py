# SPDX-License-Identifier: MIT
"""What the agent says on its stream: marks, the last words, mappings, other allocators. Programs run
loaded against a small daemon (lib/wire.py), and bare where their output is compared."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
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


class Unhurried(wire.Daemon):
    """Lets 30 ms pass before it takes what there is, as a reader on a busy host does."""

    def take(self, connection):
        time.sleep(0.03)
        return connection.recv(1 << 20)


class LastWords(Stream):
    def many_sites(self, daemon):
        lines = "keep.append(bytearray(900))\n" * 700
        code = "keep = []\nexec(compile(%r, 'many', 'exec'))\n" % lines
        environment = self.environment(period=1, python="off", socket=daemon.path)
        self.assertEqual(run(["/usr/bin/python3", "-c", code], environment), (0, "", ""))
        return daemon.wait_closed()[0]

    def test_a_reader_that_waits_for_its_turn_misses_nothing(self):
        for _ in range(20):  # the host may be busier than that
            with Unhurried() as reader:
                agent = self.many_sites(reader)
            told = sum(totals["alloc_bytes"] for totals in agent.site_totals.values())
            if told > 0.999 * agent.native["alloc_bytes"]:
                break
        self.assertGreater(len(agent.raw), 300_000)  # more than the socket holds
        self.assertGreater(told, 0.999 * agent.native["alloc_bytes"])

    def test_the_last_totals_and_bye_go_before_what_else_is_new(self):
        lines = "keep.append(bytearray(900))\n" * 1500
        code = "keep = []\nexec(compile(%r, 'many', 'exec'))\n" % lines
        agent, _ = self.hear(["/usr/bin/python3", "-c", code], period=512, python="always")
        bye = agent.order.index("BYE")
        self.assertEqual(agent.order[bye - 1], "HEALTH")
        self.assertIn("TOTALS", agent.order[bye - 3:bye])
        self.assertIn("SITE", agent.order[bye:])  # there was more to say than one send holds
        self.assertEqual(agent.order.count("BYE"), 1)


class Allocators(Stream):
    """Every entry of the malloc family, in front of and behind other allocators."""

    FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64")
    ROUNDS = 200

    def library(self, name):
        for folder in self.FOLDERS:
            path = os.path.join(folder, name)
            if os.path.exists(path):
                return path
        self.skipTest(name + " is not installed")

    def count_of(self, rounds, preload):
        before = len(self.daemon.agents)
        kinds = "8" if "jemalloc" in preload else "9"  # it lacks pvalloc: its free would get glibc's
        argv = [target("family"), str(rounds), kinds]
        self.assertEqual(run(argv, self.environment(preload=preload)), (0, kinds + "\n", ""))
        agent = self.daemon.wait_closed(before + 1)[before]
        return agent, agent.native

    def check_counted(self, preload, method):
        _, idle = self.count_of(0, preload)
        agent, busy = self.count_of(self.ROUNDS, preload)
        self.assertEqual(wire.METHODS[agent.hello["method"][0]], method)
        for field in ("alloc_count", "free_count"):
            kinds = 8 if "jemalloc" in preload else 9
            self.assertEqual(busy[field] - idle[field], kinds * self.ROUNDS, field)
        self.assertEqual(busy["live_bytes"], idle["live_bytes"])

    def check_unseen(self, preload):
        agent, native = self.count_of(self.ROUNDS, preload)
        self.assertEqual(wire.METHODS[agent.hello["method"][0]], "none")
        self.assertIn("must come first", agent.hello["reason"])
        self.assertLess(native["alloc_count"], self.ROUNDS)

    def test_every_entry_is_counted_with_glibc(self):
        self.check_counted(AGENT, "exact")

    def test_every_entry_is_counted_before_jemalloc(self):
        self.check_counted(AGENT + ":" + self.library("libjemalloc.so.2"), "usable")

    def test_every_entry_is_counted_before_tcmalloc(self):
        self.check_counted(AGENT + ":" + self.library("libtcmalloc_minimal.so.4"), "usable")

    def test_every_entry_is_counted_before_mimalloc(self):
        self.check_counted(AGENT + ":" + self.library("libmimalloc.so.2"), "usable")

    def test_behind_another_allocator_the_agent_says_that_it_sees_nothing(self):
        for name in ("libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2"):
            with self.subTest(name):
                self.check_unseen(self.library(name) + ":" + AGENT)


class Rounds(Stream):
    def test_what_changes_is_told_though_the_totals_take_long(self):
        # The look at a heap of this size takes a round's time; polls are further apart than totals.
        script = ("import time\nheap = [[i] for i in range(200000)]\n"
                  "for i in range(20): block = bytearray(100000); time.sleep(0.15)\n")
        env = self.environment(period=65536)
        self.assertEqual(run(["/usr/bin/python3", "-c", script], env, timeout=120)[0], 0)
        told = "".join({"TOTALS": "T", "SITES": "s"}.get(name, "")
                       for name in self.daemon.wait_closed()[0].order)
        self.assertGreaterEqual(told.count("T"), 3, told)
        self.assertNotIn("TTT", told)


class Quiet(Stream):
    def system_calls(self, operations, env):
        with tempfile.NamedTemporaryFile() as trace:
            done = run(["strace", "-f", "-o", trace.name, target("shadow"), "1", str(operations), "1"],
                       env)
            self.assertEqual(done[0], 0, done[2])
            # Without those of glibc's heaps, which begin anywhere and trim when they like.
            return sum(not re.search(rb" (brk|mprotect|madvise|mmap|munmap|futex)\(|resumed", line)
                       for line in trace)

    @unittest.skipUnless(shutil.which("strace"), "no strace")
    def test_no_system_call_is_made_between_two_flushes(self):
        if run(["strace", "-o", "/dev/null", "true"], clean_environment())[0] != 0:
            self.skipTest("strace may not trace here")
        loaded = self.environment(delay_ms=3600000, python="off")
        added = [self.system_calls(60000, env) - self.system_calls(1000, env)
                 for env in (clean_environment(), loaded)]
        self.assertEqual(*added)


class WholePath(unittest.TestCase):
    def test_leakd_takes_no_programs_processor_when_an_agent_wakes_it(self):
        with daemon.Daemon() as leakd:
            policy = os.sched_getscheduler(leakd.process.pid) & ~os.SCHED_RESET_ON_FORK
        self.assertEqual(policy, os.SCHED_BATCH)

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

            process = daemon.wait_for(told, 30, "the mark is on the page")
            self.assertEqual([(m["kind"], m["text"]) for m in process["marks"]],
                             [("release", "shop 2.1"), ("phase", "warm")])
            self.assertLessEqual(abs(process["marks"][1]["at_ms"] - process["started_ms"]), 15000)


if __name__ == "__main__":
    unittest.main()
