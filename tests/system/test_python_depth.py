# SPDX-License-Identifier: MIT
"""CPython in depth: stacks through generators, coroutines, decorators and C code that calls back, as
the interpreter itself tells them; builds and companions that need care: debug builds, embedding,
gevent, tracemalloc; hooks in and out under load. LEAKD_LONG=1: 10,000 toggles on every CPython."""
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_python as base  # noqa: E402
from test_python import AGENT, LONG, PYTHONS, environment, line_of, run, target  # noqa: E402

import wire  # noqa: E402

STACKS = "python_stacks.py"


def minor_of(version):
    return int(version.split(".")[1])


def told_stacks(done):
    """{kind: [(function, line)...]} as the program printed it."""
    rows = map(json.loads, done.stdout.splitlines())
    return {row["kind"]: [tuple(caller) for caller in row["callers"]] for row in rows}


def stacks_of_leak(agent):
    """The callers of leak() in every site that lives there."""
    line = line_of(STACKS, "# leak")
    found = []
    for leak in base.leaks(agent):
        if leak.frames and leak.frames[0] == ("leak", STACKS, line):
            found.append([(function, at) for function, _, at in leak.frames[1:]])
    return found


def missing_stacks(done, agent):
    found = stacks_of_leak(agent)
    return {kind: (callers, [stack for stack in found if stack[:1] == callers[:1]])
            for kind, callers in told_stacks(done).items() if callers not in found}


class MixedStacks(base.EachInterpreter, unittest.TestCase):
    arguments = (target(STACKS),)
    # Samples of what is imported would fill the table of sites at the other tests' period; it is short
    # enough for every moment to be attended.
    settings = {"LEAKD_PYTHON": "always", "LEAKD_PERIOD": "49152"}

    def test_they_are_those_of_the_interpreter(self):
        def check(version, done, agent):
            self.assertGreaterEqual(len(told_stacks(done)), 20)
            self.assertEqual({}, missing_stacks(done, agent))
        self.each(check)

    def between(self, agent, inner, outer):
        """Files of the native frames between two Python functions."""
        for site in agent.sites.values():
            frames = [agent.names[frame["function"]]["text"].split(".")[-1]
                      if "function" in frame else frame["module"] for frame in site["frames"]]
            if inner in frames and outer in frames[frames.index(inner):]:
                gap = frames[frames.index(inner) + 1:frames.index(outer)]
                if all(isinstance(frame, int) for frame in gap):
                    return [os.path.basename(agent.modules[m]["path"]) for m in gap if m]
        return None

    def test_c_code_that_calls_back_stands_between_its_python_frames(self):
        def check(version, done, agent):
            files = " ".join(self.between(agent, "compare", "by_qsort"))
            for library in ("libffi", "libc.so", "_ctypes"):
                self.assertIn(library, files)
            self.assertTrue(self.between(agent, "<lambda>", "main"))
        self.each(check)

    def test_python_functions_that_call_each_other_have_nothing_between_them(self):
        def check(version, done, agent):
            if minor_of(version) >= 11:  # before, each call enters the loop anew
                self.assertEqual([], self.between(agent, "leak", "compare"))
        self.each(check)


class MachineCode(unittest.TestCase):
    """Loops that the interpreter has compiled (from 3.14, where it was built to)."""

    ASK = "import sys; print(sys._jit.is_enabled())"

    def test_frames_of_compiled_functions_are_read_as_others(self):
        found = []
        for version, path in PYTHONS.items():
            if minor_of(version) < 14 or subprocess.run(
                    [path, "-c", self.ASK], env={"PYTHON_JIT": "1"}, capture_output=True,
                    text=True, check=False).stdout != "True\n":
                continue
            found.append(version)
            with self.subTest(python=version):
                done, agent = run(path, target("python_kinds.py"), "5", PYTHON_JIT="1",
                                  LEAKD_PYTHON="always")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                stacks = [[frame[0] for frame in leak.frames] for leak in base.leaks(agent)]
                for inner in ("cycle", "generator", "executed"):
                    self.assertIn([inner, "main", "<module>"], stacks)
        if not found:
            self.skipTest("no CPython that compiles to machine code")


LOCKLESS = """
import ctypes, os, threading, time
libc = ctypes.CDLL(None)
libc.malloc.argtypes, libc.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
buffers = []
def leak():
    for i in range(2500): libc.malloc(500)
def leak_in_thread():
    for i in range(1000): libc.malloc(500)
def fill():
    buffers.extend(bytearray(900) for i in range(4000))
leak()
fill()
thread = threading.Thread(target=leak_in_thread)
thread.start()
thread.join()
end = time.monotonic() + 14
while time.monotonic() < end: bytes(100000); time.sleep(.02)
os._exit(0)
"""


class WithoutTheLock(base.EachInterpreter, unittest.TestCase):
    """ctypes lets go of the interpreter's lock around libc's malloc."""

    arguments = ("-c", LOCKLESS)
    # Some 14 samples of the bytearrays below: 10,000 is six standard errors away. Of the blocks that hold
    # their bytes 24 are asked for their type with every fourth flush: the program lives for some of these.
    settings = {"LEAKD_PYTHON": "always", "LEAKD_PERIOD": "16384"}

    def live(self, agent, function):
        return sum(leak.live_bytes for leak in base.leaks(agent)
                   if leak.frames and leak.frames[0][0] == function)

    def test_c_code_of_the_main_thread_is_shown_with_its_python_callers(self):
        self.each(lambda version, done, agent:
                  self.assertGreater(self.live(agent, "leak"), 800_000))

    def test_c_code_of_another_thread_ends_in_native_frames(self):
        self.each(lambda version, done, agent:
                  self.assertEqual(self.live(agent, "leak_in_thread"), 0))

    def test_the_bytes_of_a_bytearray_are_the_bytearrays(self):
        def check(version, done, agent):
            kind = agent.types["bytearray"]
            # Native blocks are asked for their type at leisure, so not all are named by now; the
            # objects themselves are 228,000 bytes.
            self.assertGreater(kind["live_bytes"], 450_000)
            self.assertLess(kind["live_count"], 10000)
        self.each(check)

    def test_a_program_that_ends_amid_such_code_ends_as_it_does_bare(self):
        code = ("import ctypes, threading, time, zlib\n"
                "libc = ctypes.CDLL(None)\n"
                "libc.malloc.restype = ctypes.c_void_p\n"
                "data = bytes(200000)\n"
                "def work():\n"
                "    while True: zlib.compress(data, 1); libc.malloc(3000)\n"
                "[threading.Thread(target=work, daemon=True).start() for _ in range(3)]\n"
                "[libc.malloc(3000) for _ in range(3000)]\n"
                "time.sleep(.2)\n")
        for version in base.some():
            for _ in range(3):
                done, _ = run(PYTHONS[version], "-c", code, LEAKD_PYTHON="always",
                              LEAKD_PERIOD="4096")
                self.assertEqual((done.returncode, done.stderr), (0, ""), version)


SYSTEM = "/usr/bin/python3"


def has_module(python, name):
    return os.access(python, os.X_OK) and subprocess.run(
        [python, "-c", "import " + name], stderr=subprocess.DEVNULL, check=False).returncode == 0


@unittest.skipUnless(os.path.exists(AGENT), "the agent is not built")
class Companions(unittest.TestCase):
    def test_greenlets_switch_under_the_agent_and_have_their_own_stacks(self):
        if not has_module(SYSTEM, "gevent"):
            self.skipTest("no python3-gevent")
        done, agent = run(SYSTEM, target(STACKS), "gevent", **MixedStacks.settings)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("greenlet", told_stacks(done))
        self.assertEqual({}, missing_stacks(done, agent))

    def test_a_monkey_patched_server_of_greenlets_works(self):
        if not has_module(SYSTEM, "gevent"):
            self.skipTest("no python3-gevent")
        code = ("from gevent import monkey; monkey.patch_all()\n"
                "import gevent, threading, time\n"
                "kept = []\n"
                "def serve(n):\n"
                "    for i in range(200):\n"
                "        kept.append({n: str(i)}); time.sleep(0)\n"
                "threads = [threading.Thread(target=serve, args=(n,)) for n in range(50)]\n"
                "[t.start() for t in threads]; [t.join() for t in threads]\n"
                "print(len(kept))\n")
        done, agent = run(SYSTEM, "-c", code, LEAKD_PYTHON="always", LEAKD_PERIOD="2048")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "10000\n", ""))
        self.assertEqual(agent.hello["reason"], "")

    def test_a_debug_build_is_tracked_natively_and_says_so(self):
        python = shutil.which("python3-dbg", path="/usr/bin")
        if not python:
            self.skipTest("no python3-dbg")
        code = base.OtherAllocators.FILL + base.SPEAK
        for settings in ({}, {"PYTHONMALLOC": "malloc"}, {"PYTHONMALLOC": "debug"},
                         {"PYTHONTRACEMALLOC": "5"}):
            with self.subTest(**settings):
                done, agent = base.run_until([lambda agent: True], [python, "-c", code],
                                             LEAKD_PYTHON="always", **settings)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(agent.hello["reason"], "python: debug build")
                self.assertIsNone(agent.domain("python"))
                self.assertGreater(agent.native["alloc_bytes"], 1_000_000)

    def test_a_build_without_the_lock_is_tracked_natively_and_says_so(self):
        python = next((path for path in os.environ.get("LEAKD_PYTHONS_FREE", "").split(":") +
                       [shutil.which("python3.13t") or "", shutil.which("python3.14t") or ""]
                       if os.access(path, os.X_OK)), None)
        if not python:
            self.skipTest("no free-threaded CPython; LEAKD_PYTHONS_FREE names one")
        done, agent = run(python, "-c", "x = [{} for _ in range(100000)]", LEAKD_PYTHON="always")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(agent.hello["reason"], "python: free-threaded build")


EMBEDDING = r"""
#include <Python.h>

static int leak(void)
{
    return PyRun_SimpleString(
        "keep = []\n"
        "def leak():\n"
        "    for i in range(20000): keep.append({i: i})\n"
        "leak()\n"
        SPEAK);
}

int main(void)
{
    int failed;

    for (int turn = 0; turn < 2; turn++) { /* it may be begun and ended more than once */
        Py_Initialize();
        failed = turn == 1 ? leak() : PyRun_SimpleString("x = [{} for _ in range(9999)]");
        if (turn == 0)
            Py_Finalize();
        if (failed)
            return 1;
    }
    _exit(0);
}
"""

LOADING = r"""
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    void *library;
    void (*initialize)(void);
    int (*run)(const char *);

    sleep(1); /* longer than the agent's start */
    for (int i = 0; i < 3000; i++)
        free(malloc(100));
    library = dlopen(argv[argc - 1], RTLD_NOW | RTLD_GLOBAL);
    if (!library)
        return 2;
    *(void **)&initialize = dlsym(library, "Py_Initialize");
    *(void **)&run = dlsym(library, "PyRun_SimpleString");
    initialize();
    if (run("keep = []\ndef leak():\n    for i in range(20000): keep.append({i: i})\n"
            SPEAK "leak()\n" SPEAK))
        return 1;
    _exit(0);
}
"""


@unittest.skipUnless(os.path.exists(AGENT), "the agent is not built")
class Embedded(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        config = shutil.which("python3-config", path="/usr/bin")
        if not config:
            raise unittest.SkipTest("no python3-dev")
        cls.folder = tempfile.TemporaryDirectory(prefix="leakd-test-")
        cls.addClassCleanup(cls.folder.cleanup)
        said = [subprocess.run([config, "--embed", *what], stdout=subprocess.PIPE, text=True,
                               check=True).stdout for what in (["--cflags"], ["--ldflags"])]
        cls.library = next(word[2:] for word in said[1].split() if word.startswith("-lpython"))
        cls.cflags, cls.ldflags = (shlex.split(text) for text in said)

    def build(self, name, source, *flags):
        path = os.path.join(self.folder.name, name)
        with open(path + ".c", "w", encoding="ascii") as file:
            file.write(source)
        speak = "-DSPEAK=" + json.dumps(base.SPEAK)
        subprocess.run(["cc", "-g", "-w", speak, path + ".c", "-o", path, *flags], check=True)
        return path

    @staticmethod
    def leaked(agent):
        return sum(leak.live_bytes for leak in base.leaks(agent)
                   if leak.frames and leak.frames[0][:1] == ("leak",))

    @staticmethod
    def is_attributing(agent):
        return agent.health and agent.health["python_attributing"] == 1

    def check_leak(self, agent):
        self.assertIn("cpython 3.", agent.hello["runtime"])
        self.assertGreater(self.leaked(agent), 2_000_000)

    def test_a_program_linked_with_libpython_is_known(self):
        program = self.build("linked", EMBEDDING, *self.cflags, *self.ldflags)
        done, agent = base.run_until([self.leaked], [program], LEAKD_PYTHON="always")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.check_leak(agent)
        self.assertEqual(agent.hello["reason"], "")

    def test_one_that_loads_it_later_is_found_and_says_what_it_does_not_know(self):
        program = self.build("loading", LOADING, "-ldl")
        done, agent = base.run_until([self.is_attributing, self.leaked],
                                     [program, f"lib{self.library}.so.1.0"], LEAKD_PYTHON="always")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.check_leak(agent)


@unittest.skipUnless(os.path.exists(AGENT) and PYTHONS, "no agent or no CPython")
class Toggles(unittest.TestCase):
    """In one flush the agent obeys some hundred orders on the thread that holds the lock, each a swap
    of the allocators while eight threads wait to go on allocating."""

    ORDERS = 500
    TURNS = 20 if LONG else 3

    def toggle(self, version, tracing):
        words = ["8"] + (["tracemalloc"] if tracing else [])
        with wire.Daemon() as daemon:
            program = subprocess.Popen([PYTHONS[version], target("python_busy.py"), *words],
                                       stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                       env=environment(daemon))
            try:
                agent = daemon.wait(lambda d: d.agents and d.agents[0].totals and d.agents[0], 30)
                orders = b"".join(wire.encode("ZOOM", period_bytes=4096, python=1 - i % 2)
                                  for i in range(self.ORDERS))
                for _ in range(self.TURNS):
                    daemon.send(agent, orders)
                    said = len(agent.healths)
                    daemon.wait(lambda d, said=said: len(agent.healths) > said + 1, 60)
                for wanted in (1, 0):
                    daemon.send(agent, wire.encode("ZOOM", period_bytes=65536, python=wanted))
                    daemon.wait(lambda d, wanted=wanted:
                                agent.health["python_attributing"] == wanted, 60)
            finally:
                _, said = program.communicate(timeout=60)
            self.assertEqual((program.returncode, said, daemon.errors), (0, b"", []))

    def test_hooks_go_in_and_out_under_eight_threads(self):
        for version in base.some():
            with self.subTest(python=version):
                self.toggle(version, False)

    def test_hooks_go_in_and_out_while_tracemalloc_comes_and_goes(self):
        for version in base.some():
            with self.subTest(python=version):
                self.toggle(version, True)


if __name__ == "__main__":
    unittest.main()
