# SPDX-License-Identifier: MIT
"""CPython under the agent: what its own books say, lines and types of leaks, hooks in and out, other
allocators, fork. Every interpreter that is there; LEAKD_LONG=1 runs more of CPython's own tests."""
import collections
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "lib"))
import pythons  # noqa: E402
import wire  # noqa: E402

BUILD = os.environ.get("LEAKD_BUILD") or os.path.join(os.path.dirname(TESTS), "build")
AGENT = os.path.join(BUILD, "libleakagent.so")
LONG = bool(os.environ.get("LEAKD_LONG"))
PERIOD = 16384

PYTHONS = pythons.INTERPRETERS
MINORS = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]


def target(name):
    return os.path.join(TESTS, "targets", name)


def line_of(name, mark):
    with open(target(name), encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if line.rstrip().endswith(mark))


def environment(daemon, **more):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**clean, "LD_PRELOAD": AGENT, "LEAKD_SOCKET": daemon.path, "LEAKD_DELAY_MS": "0",
            "LEAKD_PERIOD": str(PERIOD), **more}


def run(python, *arguments, timeout=60, **more):
    """(finished process, the first agent's words). Nothing may be wrong in the stream."""
    with wire.Daemon() as daemon:
        done = subprocess.run([python, *arguments], env=environment(daemon, **more), text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout, check=False)
        agents = daemon.wait_closed()
        if daemon.errors:
            raise AssertionError(daemon.errors)
        return done, agents[0]


# In a program: makes it speak, by what it allocates, until it gets a byte or its input ends.
SPEAK = ("import os, select\n"
         "while not select.select([0], [], [], .02)[0]: bytearray(100000)\n"
         "os.read(0, 1)\n")


def run_until(wants, argv, timeout=60, **more):
    """As run. The program speaks (SPEAK) once for each of wants: until wants(its agent) holds, or for so long,
    and it is the caller's business then to say what is missing."""
    with wire.Daemon() as daemon:
        program = subprocess.Popen(argv, env=environment(daemon, **more), text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        try:
            for wanted in wants:
                daemon.wait(lambda d, wanted=wanted: d.agents and d.agents[0].totals and
                            (d.agents[0].closed or wanted(d.agents[0])), timeout)
                program.stdin.write("x")
                program.stdin.flush()
        except (AssertionError, BrokenPipeError):
            pass
        finally:
            out, err = program.communicate(timeout=60)
        agents = daemon.wait_closed()
        if daemon.errors:
            raise AssertionError(daemon.errors)
        return subprocess.CompletedProcess(argv, program.returncode, out, err), agents[0]


Leak = collections.namedtuple("Leak", "live_bytes live_samples frames")


def python_frames(agent, site):
    """[(function, file's name, line)...], leaf first."""
    return [(agent.names[frame["function"]]["text"],
             os.path.basename(agent.names[frame["file"]]["text"]), frame["line"])
            for frame in agent.sites[site]["frames"] if "function" in frame and frame["function"]]


def leaks(agent):
    """What lives, by innermost Python frame."""
    found = []
    for site, totals in agent.site_totals.items():
        if site and totals["live_samples"]:
            found.append(Leak(totals["alloc_bytes"] - totals["free_bytes"],
                              totals["live_samples"], python_frames(agent, site)))
    return found


def live_at(found, function, name, line):
    """Live bytes whose innermost Python frame is there."""
    return sum(leak.live_bytes for leak in found
               if leak.frames and leak.frames[0] == (function, name, line))


class EachInterpreter:
    """Runs a program on all interpreters at once; each test then looks at one."""

    arguments = ()
    settings = {}

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(AGENT):
            raise unittest.SkipTest("the agent is not built")
        cls.folder = tempfile.TemporaryDirectory(prefix="leakd-test-")
        cls.addClassCleanup(cls.folder.cleanup)
        with concurrent.futures.ThreadPoolExecutor(len(PYTHONS) or 1) as pool:
            runs = {version: pool.submit(cls.one, version, path)
                    for version, path in PYTHONS.items()}
        cls.results = {version: future.result() for version, future in runs.items()}

    @classmethod
    def one(cls, version, path):
        log = os.path.join(cls.folder.name, version)
        return run(path, *(log if a == "LOG" else a for a in cls.arguments), **cls.settings)

    def each(self, check):
        for version, (done, agent) in self.results.items():
            with self.subTest(python=version):
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(agent.hello["runtime"], "cpython " + version)
                check(version, done, agent)

    def test_interpreters_are_there(self):
        there = {version.rsplit(".", 1)[0] for version in PYTHONS}
        missing = [minor for minor in MINORS if minor not in there]
        if missing:
            self.skipTest("no CPython " + ", ".join(missing))


class CalmBooks(EachInterpreter, unittest.TestCase):
    arguments = (target("python_exact.py"), "6", "LOG")

    def test_live_bytes_are_those_of_the_interpreters_own_statistics(self):
        def check(version, done, agent):
            own = int(done.stdout.split()[0])
            python = agent.domain("python")
            self.assertEqual(wire.METHODS[python["method"]], "exact")
            self.assertGreater(own, 8_000_000)
            # What the program allocates between its own look and its end.
            self.assertLess(abs(python["live_bytes"] - own), 20_000)
        self.each(check)

    def test_blocks_and_arenas_make_sense(self):
        def check(version, done, agent):
            python = agent.domain("python")
            self.assertGreater(python["live_count"], 30000 * 5)
            self.assertGreaterEqual(python["mapped_bytes"], python["live_bytes"])
            self.assertEqual(python["mapped_bytes"] % (256 << 10), 0)
        self.each(check)

    def test_nothing_is_hooked(self):
        self.each(lambda version, done, agent:
                  self.assertEqual(agent.health["python_attributing"], 0))

    def test_collections_are_counted(self):
        def check(version, done, agent):
            generations = agent.gcs[-1]["generations"]
            self.assertGreater(generations[0]["collections"], 20)
            self.assertGreaterEqual(generations[2]["collections"], 1)
            self.assertEqual(generations[2]["uncollectable"], 0)
        self.each(check)


class AttributedLeaks(EachInterpreter, unittest.TestCase):
    arguments = (target("python_kinds.py"), "5")
    settings = {"LEAKD_PYTHON": "always"}
    name = "python_kinds.py"

    def expect(self, function, mark, low, high):
        """Kilobytes that live where the marked line is; function before and from 3.11."""
        line = line_of(self.name, mark)

        def check(version, done, agent):
            qualified = function if int(version.split(".")[1]) >= 11 else function.split(".")[-1]
            live = live_at(leaks(agent), qualified, self.name, line)
            self.assertTrue(low << 10 <= live <= high << 10, (qualified, line, live))
        self.each(check)

    # 12,000 of each; a site of so few samples is estimated within some 40 %.
    def test_dict_of_a_function(self):
        self.expect("cycle", "# dict", 400, 1200)  # 64 bytes each

    def test_object_made_in_a_generator(self):
        self.expect("generator", "# generator", 1400, 4200)  # a set of 216 bytes and its header

    def test_list_behind_a_decorator(self):
        self.expect("decorated", "# decorated", 400, 1800)

    def test_tuple_made_in_a_coroutine(self):
        self.expect("coroutine", "# coroutine", 300, 1300)  # 56 to 64 bytes

    def test_bytes_made_in_a_class_body(self):
        self.expect("Body", "# body", 850, 2500)

    def test_instance_is_at_its_callers_line(self):
        self.expect("main", "# node", 300, 2500)

    def test_lambda_called_from_c(self):
        self.expect("main.<locals>.<lambda>", "# lambda", 350, 1300)

    def test_code_made_at_run_time(self):
        def check(version, done, agent):
            live = live_at(leaks(agent), "executed", "<made>", 3)
            self.assertGreater(live, 350 << 10)
        self.each(check)

    def test_callers_follow_in_order(self):
        def check(version, done, agent):
            stacks = [[frame[0].split(".")[-1] for frame in leak.frames] for leak in leaks(agent)]
            self.assertIn(["cycle", "main", "<module>"], stacks)
            self.assertIn(["decorated", "wrapper", "main", "<module>"], stacks)
            self.assertIn(["coroutine", "drive", "main", "<module>"], stacks)
            self.assertIn(["generator", "main", "<module>"], stacks)
        self.each(check)

    def test_every_python_frame_is_in_a_stack_once(self):
        def check(version, done, agent):
            for leak in leaks(agent):
                functions = [frame for frame in leak.frames if frame[1] == self.name]
                self.assertEqual(len(functions), len(set(functions)), leak.frames)
        self.each(check)

    def test_native_frames_stand_around_the_python_ones(self):
        def check(version, done, agent):
            for site in agent.sites.values():
                kinds = ["function" in frame for frame in site["frames"]]
                names = [frame[0] for frame in python_frames(agent, site["id"])]
                if names[:2] == ["cycle", "main"]:
                    self.assertFalse(kinds[0], "the allocator's caller is native")
                    self.assertFalse(kinds[-1], "the program's start is native")
        self.each(check)

    def test_types_are_named(self):
        def check(version, done, agent):
            for name in ("dict", "frozenset", "tuple", "list", "bytes", "str", "bytearray",
                         "__main__.Node"):
                self.assertIn(name, agent.types)
                self.assertGreater(agent.types[name]["live_bytes"], 100 << 10, name)
        self.each(check)

    def test_hooks_are_in(self):
        self.each(lambda version, done, agent:
                  self.assertEqual(agent.health["python_attributing"], 1))

    def test_sites_sum_up_to_what_lives(self):
        """Sampled bytes of the Python domain against its exact ones, on which they are no more than
        what was allocated before the hooks went in and the samples' own scatter apart."""
        def check(version, done, agent):
            sampled = sum(t["alloc_bytes"] - t["free_bytes"]
                          for site, t in agent.site_totals.items()
                          if site and wire.DOMAINS[agent.sites[site]["domain"]] == "python")
            exact = agent.domain("python")["live_bytes"]
            self.assertTrue(0.75 * exact < sampled < 1.25 * exact, (sampled, exact))
        self.each(check)


def some():
    """The system's interpreter and the newest: enough where versions do not differ."""
    return dict.fromkeys([next(iter(PYTHONS)), pythons.newest()]) if not LONG else dict.fromkeys(PYTHONS)


@unittest.skipUnless(os.path.exists(AGENT) and PYTHONS, "no agent or no CPython")
class Toggling(unittest.TestCase):
    def toggle(self, version):
        with wire.Daemon() as daemon:
            program = subprocess.Popen([PYTHONS[version], target("python_busy.py")],
                                       stdin=subprocess.PIPE, env=environment(daemon))
            try:
                agent = daemon.wait(lambda d: d.agents and d.agents[0].totals and d.agents[0])
                for turn in range(10):
                    orders = [wire.encode("ZOOM", period_bytes=4096, python=1 - i % 2)
                              for i in range(20)]
                    daemon.send(agent, b"".join(orders))
                    said = len(agent.healths)
                    daemon.wait(lambda d, said=said: len(agent.healths) > said)
                daemon.send(agent, wire.encode("ZOOM", period_bytes=4096, python=1))
                daemon.wait(lambda d: agent.health["python_attributing"] == 1)
                daemon.wait(lambda d: any(leak.frames and leak.frames[0][0] == "work"
                                          for leak in leaks(agent)))
                daemon.send(agent, wire.encode("ZOOM", period_bytes=524288, python=0))
                daemon.wait(lambda d: agent.health["python_attributing"] == 0)
            finally:
                program.stdin.close()
                code = program.wait(30)
            self.assertEqual((code, daemon.errors), (0, []))

    def test_200_toggles_under_4_threads(self):
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(self.toggle, PYTHONS if LONG else some()))


@unittest.skipUnless(os.path.exists(AGENT) and PYTHONS, "no agent or no CPython")
class Turns(unittest.TestCase):
    """Of a program that makes very many objects only some moments are attended."""
    CODE = ("import json, os, time\n"
            "kept = []\n"
            "def grow():\n"
            "    kept.append([bytes(400) for _ in range(60)])\n"
            "made = {'orders': [[i, i * 1.5, str(i)] for i in range(500)]}\n"
            "end = time.process_time() + 3\n"
            "while time.process_time() < end and len(kept) < 15000:\n"
            "    made = json.loads(json.dumps(made))\n"
            "    grow()\n"
            "print(sum(map(len, kept)), flush=True)\n"
            + SPEAK + "os._exit(0)\n")
    PERIOD = 131072
    BLOCK = 448  # the class of 400 bytes and the head of a bytes object

    @staticmethod
    def grown(agent):
        return [leak for leak in leaks(agent)
                if "grow" in [frame[0].split(".")[0] for frame in leak.frames[:2]]]

    def test_sums_stay_right_though_most_moments_are_missed(self):
        for version in some():
            with self.subTest(python=version):
                done, agent = run_until([self.grown], [PYTHONS[version], "-c", self.CODE],
                                        LEAKD_PYTHON="always", LEAKD_PERIOD=str(self.PERIOD))
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(agent.health["python_attributing"], 1)
                grown = self.grown(agent)
                bytes_seen = sum(leak.live_bytes for leak in grown)
                samples = sum(leak.live_samples for leak in grown)
                self.assertGreater(bytes_seen / samples, 1.5 * self.PERIOD, "none was missed")
                true = int(done.stdout) * self.BLOCK
                self.assertTrue(0.7 * true < bytes_seen < 1.3 * true, (bytes_seen, true, samples))


@unittest.skipUnless(os.path.exists(AGENT) and PYTHONS, "no agent or no CPython")
class OtherAllocators(unittest.TestCase):
    FILL = "keep = [{i: str(i)} for i in range(50000)]\n"
    END = SPEAK + "os._exit(0)\n"

    @staticmethod
    def is_blocked(agent):
        return "another allocator" in agent.hello["reason"]

    @staticmethod
    def is_attributing(agent):
        return agent.health and agent.health["python_attributing"] == 1 and not agent.hello["reason"]

    def each(self, wants, code, *options, **more):
        """Runs code on some interpreters, always attributing: what their agents said."""
        def one(version):
            return run_until(wants, [PYTHONS[version], *options, "-c", code],
                             LEAKD_PYTHON="always", **more)

        with concurrent.futures.ThreadPoolExecutor(len(PYTHONS)) as pool:
            results = list(pool.map(one, some()))
        for done, agent in results:
            self.assertEqual((done.returncode, done.stderr), (0, ""), agent.hello["runtime"])
        return [agent for _, agent in results]

    def test_malloc_instead_of_pymalloc_has_no_python_domain(self):
        for agent in self.each([self.is_blocked], self.FILL + self.END, PYTHONMALLOC="malloc"):
            self.assertIsNone(agent.domain("python"))
            self.assertTrue(self.is_blocked(agent), agent.hello)
            self.assertGreater(agent.native["live_bytes"], 8_000_000)

    def test_debug_allocator_is_measured_and_not_attributed(self):
        for options, more in (((), {"PYTHONMALLOC": "debug"}), (("-X", "dev"), {})):
            for agent in self.each([self.is_blocked], self.FILL + self.END, *options, **more):
                self.assertGreater(agent.domain("python")["live_bytes"], 8_000_000)
                self.assertTrue(self.is_blocked(agent), agent.hello)
                self.assertEqual(agent.health["python_attributing"], 0)

    def test_tracemalloc_comes_and_goes_above_the_hooks(self):
        code = (self.FILL + "import tracemalloc\nfor i in range(20):\n"
                " tracemalloc.start(); more = [{} for j in range(2000)]; tracemalloc.stop()\n" +
                "last = [{} for j in range(40000)]\n" + self.END)
        for agent in self.each([self.is_attributing], code):
            self.assertTrue(self.is_attributing(agent), (agent.hello, agent.health))
            self.assertGreater(live_at(leaks(agent), "<listcomp>", "<string>", 5) +
                               live_at(leaks(agent), "<module>", "<string>", 5), 1_500_000,
                               agent.hello["runtime"])

    def test_tracemalloc_that_was_first_keeps_the_hooks_out_until_it_goes(self):
        code = self.FILL + SPEAK + "import tracemalloc; tracemalloc.stop()\n" + self.END
        for agent in self.each([self.is_blocked, self.is_attributing], code, "-X", "tracemalloc"):
            self.assertTrue(any("another allocator" in hello["reason"] for hello in agent.hellos))
            self.assertTrue(self.is_attributing(agent), (agent.hello, agent.health))


@unittest.skipUnless(os.path.exists(AGENT) and PYTHONS, "no agent or no CPython")
class Forking(unittest.TestCase):
    def test_fork_is_silent(self):
        code = ("import os\npid = os.fork()\nif not pid: x = [{} for i in range(9999)]; os._exit(7)\n"
                "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
                " if hasattr(os, 'waitstatus_to_exitcode') else os.waitpid and 7)")
        for version, path in PYTHONS.items():
            with self.subTest(python=version):
                done, _ = run(path, "-W", "error", "-c", code, LEAKD_PYTHON="always")
                self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "", ""))

    def test_child_tells_its_own_heap(self):
        code = ("import os\nkeep = [{} for i in range(100000)]\npid = os.fork()\n"
                "more = [] if pid else [{i: i} for i in range(100000)]\n" + SPEAK +
                "if pid: os.waitpid(pid, 0)\n"
                "os._exit(0)")
        with wire.Daemon() as daemon:
            program = subprocess.Popen([PYTHONS[pythons.newest()], "-c", code],
                                       env=environment(daemon), stdin=subprocess.PIPE)
            try:
                daemon.wait(lambda d: len(d.agents) == 2)
            finally:
                program.stdin.close()
                status = program.wait(60)
            agents = daemon.wait_closed(2)
            self.assertEqual(status, 0)
            parent, child = sorted(agents, key=lambda a: a.hello["capabilities"] & wire.CAP_FORKED)
            self.assertTrue(child.hello["capabilities"] & wire.CAP_FORKED)
            self.assertGreater(child.domain("python")["live_bytes"],
                               parent.domain("python")["live_bytes"] + 15_000_000)

    def test_multiprocessing_works(self):
        code = ("import multiprocessing as m\n"
                "def f(n): return len([{} for i in range(n)])\n"
                "if __name__ == '__main__':\n"
                " for way in ('fork', 'spawn', 'forkserver'):\n"
                "  with m.get_context(way).Pool(2) as pool:\n"
                "   assert pool.map(f, [1000, 2000, 3000]) == [1000, 2000, 3000]\n")
        for version in some():
            with tempfile.TemporaryDirectory(prefix="leakd-test-") as folder, \
                    self.subTest(python=version), wire.Daemon() as daemon:
                path = os.path.join(folder, "program.py")
                with open(path, "w", encoding="ascii") as file:
                    file.write(code)
                done = subprocess.run([PYTHONS[version], path], stderr=subprocess.PIPE, timeout=60,
                                      env=environment(daemon, LEAKD_PYTHON="always"), check=False)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertEqual(daemon.errors, [])


@unittest.skipUnless(os.path.exists(AGENT) and PYTHONS, "no agent or no CPython")
class OwnTests(unittest.TestCase):
    """CPython's own test modules, with a sample every 4 KiB."""

    MODULES = ["test_gc", "test_json", "test_generators", "test_coroutines", "test_frame"]
    MODULES_LONG = ["test_threading", "test_fork1", "test_tracemalloc", "test_sys_settrace",
                    "test_exceptions", "test_dict", "test_asyncgen", "test_embed"]

    def has_tests(self, path):
        return subprocess.run([path, "-c", "import test.test_gc"], stderr=subprocess.DEVNULL,
                              check=False).returncode == 0

    def test_pass_as_they_do_bare(self):
        there = [version for version in (PYTHONS if LONG else reversed(PYTHONS))
                 if self.has_tests(PYTHONS[version])]
        if not there:
            self.skipTest("no CPython that came with its tests")
        for version in there if LONG else there[:1]:
            for module in self.MODULES + (self.MODULES_LONG if LONG else []):
                with self.subTest(python=version, module=module):
                    self.compare(PYTHONS[version], module)

    def compare(self, path, module):
        with wire.Daemon() as daemon, tempfile.TemporaryDirectory(prefix="leakd-test-") as folder:
            command = [path, "-m", "test", "-q", module]
            loaded = environment(daemon, LEAKD_PYTHON="always")
            done = subprocess.run(command, env=dict(loaded, LEAKD_PERIOD="4096"), cwd=folder,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=300, check=False)
            if done.returncode == 0:
                return
            bare = {name: value for name, value in loaded.items() if name != "LD_PRELOAD"}
            alone = subprocess.run(command, env=bare, cwd=folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, timeout=300, check=False)
            if alone.returncode == 0:
                self.fail("fails only under the agent:\n" + done.stdout[-2000:])


if __name__ == "__main__":
    unittest.main()
