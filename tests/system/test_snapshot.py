# SPDX-License-Identifier: MIT
"""Snapshots: who keeps objects alive, on every CPython that is there; what the program notices of it
(nothing but a pause); when it is refused; and the way through leakd to the API and leakctl.
LEAKD_LONG=1: fifty snapshots of a supervisor, and a heap of 1 GB."""
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "lib"))
sys.path.insert(0, os.path.join(TESTS, "system"))
import wire  # noqa: E402
from daemon import PYTHON, Daemon, wait_for  # noqa: E402
from test_python import AGENT, LONG, PYTHONS, target  # noqa: E402

MIB = 1 << 20
CLASS = "__main__."


class Program:
    """A Python program under the agent, whose daemon is the test."""

    def __init__(self, python, *arguments, launcher=()):
        self.daemon = wire.Daemon()
        self.daemon.__enter__()
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        self.process = subprocess.Popen(
            [*launcher, python, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=dict(clean, LD_PRELOAD=AGENT, LEAKD_SOCKET=self.daemon.path,
                                LEAKD_DELAY_MS="0", LEAKD_CHILDREN="0"))
        self.number = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.daemon.__exit__()

    def agent(self):
        return self.daemon.wait(
            lambda d: next((a for a in d.agents if a.hello and a.totals and
                            a.hello["pid"] == self.process.pid and
                            a.hello["capabilities"] & wire.CAP_SNAPSHOT), None), 30)

    def parts(self, number):
        return [part for agent in self.daemon.agents for part in agent.snapshots
                if part["number"] == number]

    def order(self, *types, memory_bytes=256 * MIB, seconds=60):
        self.number += 1
        self.daemon.send(self.agent(), wire.encode(
            "SNAPSHOT_ORDER", number=self.number, token=0x1234, memory_bytes=memory_bytes,
            seconds=seconds, types=[CLASS + name for name in types]))
        return self.number

    def states(self, number):
        return [p["progress"] for p in self.parts(number) if p["part"] == wire.SNAPSHOT_STATE]

    def is_over(self, number):
        """A copy that came amid a change of the heap is followed by another, which is running as well."""
        states = set(self.states(number))
        return wire.SNAPSHOT_REFUSED in states or \
            (wire.SNAPSHOT_RUNNING in states and states != {wire.SNAPSHOT_RUNNING})

    def snapshot(self, *types, **bounds):
        """The parts of a snapshot that is over."""
        number = self.order(*types, **bounds)
        self.daemon.wait(lambda _: self.is_over(number), 90)
        return Parts(self.parts(number))

    def snapshot_after_the_last(self, *types):
        """On a busy host the copy before takes its time to be gone."""
        end = time.monotonic() + 60
        parts = self.snapshot(*types)
        while "still at work" in parts.end["reason"] and time.monotonic() < end:
            parts = self.snapshot(*types)
        return parts


class Parts:
    def __init__(self, parts):
        states = [p for p in parts if p["part"] == wire.SNAPSHOT_STATE]
        self.begin = next((p for p in states if p["progress"] == wire.SNAPSHOT_RUNNING), None)
        self.end = next(p for p in states if p["progress"] != wire.SNAPSHOT_RUNNING)
        self.types = {t["name"]: t for p in parts if p["part"] == wire.SNAPSHOT_TYPES
                      for t in p["types"]}
        self.retainers = [p for p in parts if p["part"] == wire.SNAPSHOT_RETAINER]

    def path(self, name):
        """The way that most objects of the class go."""
        found = [r for r in self.retainers if r["type"] == CLASS + name]
        return max(found, key=lambda r: r["explained"])["steps"] if found else None


# What stands at the end of the path to the objects of each class of targets/retained.py.
HOLDERS = {
    "InList": ["module __main__", ".registry", "list[...]"],
    "InDict": ["module __main__", ".cache", "dict[...]"],
    "InSet": ["module __main__", ".seen", "set[...]"],
    "InDeque": ["module __main__", ".queue", "collections.deque[...]"],
    "InNested": ["module __main__", ".settings", "dict['sessions']", "list[...]"],
    "InCache": ["module __main__", ".compute", "lru_cache"],
    "InClosure": ["module __main__", ".handler",
                  "closure of make_handler.<locals>.<lambda>.pending", "list[...]"],
    "InClass": ["module __main__", ".Registry", "class __main__.Registry.items", "list[...]"],
    "InInstance": ["module __main__", ".service", "__main__.Service.sessions", "list[...]"],
    "InSlot": ["module __main__", ".slotted", "__main__.Slotted.held", "list[...]"],
    "InThreadLocal": ["module __main__", ".local", "thread-local.buffers", "list[...]"],
    "InContext": ["context variable request_log", "list[...]"],
    "InTask": ["_asyncio.Task", "coroutine waits_for_ever()", "local held", "list[...]"],
    "InGenerator": ["module __main__", ".generator", "generator produce()", "local kept",
                    "list[...]"],
    "InFrame": ["frame run() retained.py", "local in_frame", "list[...]"],
    "InTraceback": ["frame fail() retained.py", "local request", "list[...]"],
    "Extra": ["held by a C extension or an extra reference"],
    "InCycle": ["reference cycle, the collector is off", "__main__.InCycle.me"],
    "Linked": ["module __main__", ".chain", "__main__.Linked.next (repeated)"],
}
COUNT = 100


def look_at_holders(path):
    """{class: (path, count)} of one interpreter."""
    found = {}
    with Program(path, target("retained.py"), str(COUNT)) as program:
        program.process.stdout.readline()
        names = list(HOLDERS)
        for at in range(0, len(names), 8):
            parts = program.snapshot_after_the_last(*names[at:at + 8])
            for name in names[at:at + 8]:
                if CLASS + name not in parts.types:
                    raise AssertionError(f"no {name}: {parts.end}, {program.states(program.number)}")
                found[name] = (parts.path(name), parts.types[CLASS + name]["count"])
        return found, parts.end, program.daemon.errors


@unittest.skipUnless(os.path.exists(AGENT), "the agent is not built")
class Holders(unittest.TestCase):
    def test_who_keeps_an_object_is_told_by_name_on_every_interpreter(self):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = {version: pool.submit(look_at_holders, path)
                    for version, path in PYTHONS.items()}
        for version, future in runs.items():
            with self.subTest(python=version):
                self.compare(version, *future.result())

    def compare(self, version, found, end, errors):
        self.assertEqual(errors, [])
        self.assertEqual((end["progress"], end["flags"]), (wire.SNAPSHOT_DONE, 0), end)
        for name, wanted in HOLDERS.items():
            with self.subTest(python=version, kept=name):
                path, count = found[name]
                self.assertEqual(count, COUNT)
                self.assertIsNotNone(path)
                self.assertEqual(path[-1 - len(wanted):], [*wanted, CLASS + name])


@unittest.skipUnless(os.path.exists(AGENT), "the agent is not built")
class Guest(unittest.TestCase):
    """What the program notices."""

    def supervise(self, *arguments):
        with Program(PYTHON, target("waits.py"), *arguments) as program:
            program.process.stdout.readline()
            for _ in range(50 if LONG else 5):
                end = program.snapshot_after_the_last().end
                self.assertEqual(end["progress"], wire.SNAPSHOT_DONE, end)
            out, _ = program.process.communicate("", timeout=60)
            self.assertEqual(program.process.returncode, 0)
            return json.loads(out)

    def test_signals_and_waits_of_a_supervisor_are_its_own(self):
        seen = self.supervise()
        self.assertEqual((seen["strangers"], seen["wrong_status"]), (0, 0), seen)
        # Python's handler runs between two instructions: equal signals may have become one.
        self.assertLessEqual(seen["signals"], seen["own"], seen)

    def test_where_orphans_come_to_the_program_the_copy_stays_hidden_from_plain_waits(self):
        seen = self.supervise("subreaper")
        self.assertEqual((seen["strangers"], seen["wrong_status"]), (0, 0), seen)
        self.assertLessEqual(seen["signals"], seen["own"], seen)

    def test_threads_that_allocate_and_collect_survive_snapshots(self):
        code = ("import gc, threading, sys\n"
                "def work(n):\n"
                "    while not stop:\n"
                "        kept = [{'n': [i, str(i), bytearray(700)]} for i in range(300)]\n"
                "        for d in kept: d['me'] = d\n"
                "        if n == 0: gc.collect()\n"
                "stop = []\n"
                "threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]\n"
                "for t in threads: t.start()\n"
                "print('ready', flush=True)\n"
                "sys.stdin.read()\n"
                "stop.append(1)\n"
                "for t in threads: t.join()\n")
        with Program(PYTHON, "-c", code) as program:
            program.process.stdout.readline()
            ends = [program.snapshot_after_the_last().end for _ in range(5)]
            program.process.stdin.close()
            self.assertEqual(program.process.wait(timeout=60), 0)
        self.assertEqual({end["progress"] for end in ends}, {wire.SNAPSHOT_DONE}, ends)

    # A list whose items are nowhere, as one that is being moved; put right when it is told to.
    AMID_A_CHANGE = ("import ctypes, gc, sys, threading\n"
                     "gc.disable()\n"
                     "moved = [object() for _ in range(10)]\n"
                     "items = ctypes.c_void_p.from_address(id(moved) + 24)\n"
                     "right = items.value\n"
                     "items.value = 16\n"
                     "def put_right():\n"
                     "    sys.stdin.read()\n"
                     "    items.value = right\n"
                     "threading.Thread(target=put_right, daemon=True).start()\n"
                     "print('ready', flush=True)\n"
                     "while True: kept = [bytearray(4096) for _ in range(100)]\n")

    def order_amid_a_change(self, program):
        program.process.stdout.readline()
        return program.order()

    def test_a_copy_that_was_made_amid_a_change_of_the_heap_is_made_again(self):
        with Program(PYTHON, "-c", self.AMID_A_CHANGE) as program:
            number = self.order_amid_a_change(program)
            program.daemon.wait(lambda _: wire.SNAPSHOT_RUNNING in program.states(number), 60)
            program.process.stdin.close()
            program.daemon.wait(lambda _: {wire.SNAPSHOT_DONE, wire.SNAPSHOT_FAILED} &
                                set(program.states(number)), 60)
            self.assertIn(wire.SNAPSHOT_DONE, program.states(number))
            # The copy may have told before the program does that there is one.
            program.daemon.wait(lambda _: program.states(number).count(wire.SNAPSHOT_RUNNING) > 1)
            begins = [p for p in program.parts(number) if p["part"] == wire.SNAPSHOT_STATE and
                      p["progress"] == wire.SNAPSHOT_RUNNING]
            self.assertGreater(begins[-1]["pause_ns"], begins[0]["pause_ns"])  # it stood still each time

    def test_a_heap_that_stays_wrong_is_told_after_some_copies(self):
        with Program(PYTHON, "-c", self.AMID_A_CHANGE) as program:
            number = self.order_amid_a_change(program)
            program.daemon.wait(lambda _: wire.SNAPSHOT_FAILED in program.states(number), 60)
            program.daemon.wait(lambda _: program.states(number).count(wire.SNAPSHOT_RUNNING) == 4)
            reasons = [p["reason"] for p in program.parts(number)
                       if p["part"] == wire.SNAPSHOT_STATE and p["progress"] == wire.SNAPSHOT_FAILED]
            self.assertEqual(reasons, ["a bad pointer in the heap (SIGSEGV)"])

    def test_several_interpreters_are_looked_into_or_left_alone(self):
        code = ("import sys\n"
                "try: import _xxsubinterpreters as subs\n"
                "except ImportError: import _interpreters as subs\n"
                "one = subs.create()\n"
                "print('ready', flush=True)\n"
                "while True: kept = [bytearray(4096) for _ in range(100)]\n")
        for version in sorted(PYTHONS):
            with self.subTest(python=version), Program(PYTHONS[version], "-c", code) as program:
                if program.process.stdout.readline() != "ready\n":
                    continue  # of a version without them
                end = program.snapshot().end
                own_locks = tuple(map(int, version.split(".")[:2])) >= (3, 12)
                self.assertEqual(end["progress"], wire.SNAPSHOT_REFUSED if own_locks
                                 else wire.SNAPSHOT_DONE, end)
                self.assertIsNone(program.process.poll())

    def end_in_a_sandbox(self, *settings):
        # An empty filter, which lets everything pass, put on before the program starts. Many groups
        # make the file long that tells of it; only root may have them.
        launcher = ("import ctypes, os, struct, sys\n"
                    "libc = ctypes.CDLL(None, use_errno=True)\n"
                    "allow = ctypes.create_string_buffer(struct.pack('<HBBI', 6, 0, 0, 0x7fff0000))\n"
                    "prog = ctypes.create_string_buffer(struct.pack('<HxxxxxxQ', 1,\n"
                    "    ctypes.addressof(allow)))\n"
                    "if os.getuid() == 0: os.setgroups(range(5000, 7000))\n"
                    "assert libc.prctl(38, 1, 0, 0, 0) == 0\n"
                    "assert libc.prctl(22, 2, prog, 0, 0) == 0\n"
                    "os.execv(sys.argv[1], sys.argv[1:])\n")
        with tempfile.TemporaryDirectory(prefix="leakd-test-") as folder:
            path = os.path.join(folder, "launch.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(launcher)
            with Program(PYTHON, target("retained.py"), "1",
                         launcher=("/usr/bin/env", "-u", "LD_PRELOAD", PYTHON, path,
                                   "/usr/bin/env", "LD_PRELOAD=" + AGENT, *settings)) as program:
                program.process.stdout.readline()
                return program.snapshot().end

    def test_in_a_sandbox_that_is_said_to_allow_it_a_copy_is_made(self):
        end = self.end_in_a_sandbox("LEAKD_SNAPSHOT_SECCOMP=1")
        self.assertEqual(end["progress"], wire.SNAPSHOT_DONE, end)

    def test_a_sandbox_is_respected(self):
        end = self.end_in_a_sandbox()
        self.assertEqual(end["progress"], wire.SNAPSHOT_REFUSED)
        self.assertIn("seccomp", end["reason"])

    def test_a_second_copy_is_refused_while_one_is_at_work(self):
        # A traverse function that never comes back: libc's pause(), called in the copy alone.
        code = ("import ctypes, gc\n"
                "gc.disable()\n"
                "class Hang: pass\n"
                "kept = Hang()\n"
                "pause = ctypes.cast(ctypes.CDLL(None).pause, ctypes.c_void_p).value\n"
                "ctypes.c_void_p.from_address(id(Hang) + 184).value = pause\n"
                "print('ready', flush=True)\n"
                "while True: held = [bytearray(4096) for _ in range(100)]\n")
        with Program(PYTHON, "-c", code) as program:
            program.process.stdout.readline()
            first = program.order(seconds=20)
            program.daemon.wait(lambda _: wire.SNAPSHOT_RUNNING in program.states(first), 30)
            end = program.snapshot().end
            self.assertEqual(end["progress"], wire.SNAPSHOT_REFUSED, end)
            self.assertIn("earlier snapshot is still at work", end["reason"])
            self.assertIsNone(program.process.poll())

    def test_a_running_snapshot_is_told_though_orders_go_on(self):
        code = ("print('ready', flush=True)\n"
                "while True: held = [bytearray(4096) for _ in range(100)]\n")
        with Program(PYTHON, "-c", code) as program:
            program.process.stdout.readline()
            agent = program.agent()
            program.daemon.wait(lambda _: len(agent.totals) > 3)  # from now on once a second
            running = []
            for _ in range(20):  # each is there before the next flush, most of which refuse it
                said = len(agent.totals)
                program.order()
                program.daemon.wait(lambda _, said=said: len(agent.totals) > said)
                running = [number for number in range(1, program.number + 1)
                           if wire.SNAPSHOT_RUNNING in program.states(number)]
                if running:
                    break
            self.assertTrue(running, program.number)

    def test_a_forked_child_does_not_carry_out_its_parents_order(self):
        # An order waits while the collector runs, callbacks of the program included.
        code = ("import gc, os, sys\n"
                "def on_collection(*_):\n"
                "    gc.callbacks.clear()\n"
                "    print('ready', flush=True)\n"
                "    while not os.path.exists(sys.argv[1]): bytes(100000)\n"
                "    child = os.fork()\n"
                "    while child and not os.path.exists(sys.argv[2]): bytes(100000)\n"
                "gc.callbacks.append(on_collection)\n"
                "gc.collect()\n"
                "while True: held = [bytearray(4096) for _ in range(100)]\n")
        with tempfile.TemporaryDirectory(prefix="leakd-test-") as folder:
            forks, goes = (os.path.join(folder, name) for name in ("forks", "goes"))
            with Program(PYTHON, "-c", code, forks, goes) as program:
                program.process.stdout.readline()
                parent = program.agent()
                number = program.order()
                program.daemon.send(parent, wire.encode("ZOOM", period_bytes=12345, python=0))
                program.daemon.wait(lambda _: parent.health and parent.health[
                    "sample_period_bytes"] == 12345, 30)  # so it has read the order, too
                self.assertEqual(program.states(number), [])
                open(forks, "w", encoding="utf-8").close()
                child = program.daemon.wait(lambda d: next(
                    (a for a in d.agents if a.hello and len(a.totals) >= 2 and
                     a.hello["capabilities"] & wire.CAP_FORKED), None), 30)
                try:
                    self.assertEqual(program.states(number), [], "the child took it")
                    open(goes, "w", encoding="utf-8").close()
                    program.daemon.wait(lambda _: program.is_over(number), 60)
                    self.assertEqual(sorted(program.states(number)),
                                     [wire.SNAPSHOT_RUNNING, wire.SNAPSHOT_DONE])
                finally:
                    os.kill(child.hello["pid"], signal.SIGKILL)

    def test_little_memory_makes_a_partial_snapshot(self):
        with Program(PYTHON, target("retained.py"), "10") as program:
            program.process.stdout.readline()
            end = program.snapshot(memory_bytes=3 * MIB).end
        self.assertEqual((end["progress"], end["flags"]),
                         (wire.SNAPSHOT_DONE, wire.SNAPSHOT_CUT), end)

    @unittest.skipUnless(LONG, "a heap of 1 GB: --long")
    def test_a_heap_of_one_gigabyte_stands_still_for_a_moment(self):
        code = ("class Session:\n"
                "    def __init__(self, n): self.n = n; self.blob = b'x' * 700\n"
                "registry = [Session(n) for n in range(1_000_000)]\n"
                "print('ready', flush=True)\n"
                "import time; end = time.time() + 200\n"
                "while time.time() < end: kept = [bytearray(4096) for _ in range(100)]\n")
        with Program(PYTHON, "-c", code) as program:
            program.process.stdout.readline()
            parts = [program.snapshot("Session", memory_bytes=512 * MIB) for _ in range(3)]
        pauses = sorted(p.begin["pause_ns"] / 1e6 for p in parts)
        print(f"# 1 GB, 1 M objects: stood still for {pauses[1]:.1f} ms (median of 3), "
              f"the copy worked {parts[0].end['duration_ns'] / 1e9:.1f} s")
        for each in parts:
            self.assertEqual(each.types[CLASS + "Session"]["count"], 1_000_000)
            self.assertEqual(each.path("Session"), ["module __main__", ".registry", "list[...]",
                                                    "__main__.Session"])


@unittest.skipUnless(os.path.exists(AGENT), "the agent is not built")
class Api(unittest.TestCase):
    """Through leakd."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        cls.program = cls.daemon.python("tests/targets/retained.py", "100", "80", name="held",
                                        env={"LEAKD_DELAY_MS": "0"}, stdout=subprocess.PIPE)
        cls.program.stdout.readline()
        cls.daemon.run("/bin/sleep", "60", name="native", env={"LEAKD_DELAY_MS": "0"})
        cls.process = wait_for(
            lambda: next((p for p in cls.daemon.processes()
                          if p["name"] == "held" and p["runtime"].startswith("cpython")), None),
            20, "the program is watched")
        cls.path = f"/api/v1/processes/{cls.process['id']}/snapshots"

    def post(self, path, body=None, **headers):
        request = urllib.request.Request(
            self.daemon.url(path), method="POST",
            data=b"" if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def over(self, number):
        return wait_for(lambda: next((s for s in [self.daemon.get(f"{self.path}/{number}")]
                                      if s["state"] not in ("requested", "running")), None),
                        60, "the snapshot is over")

    def looked_into(self, body=None):
        """A snapshot that is over. On a busy host the copy before takes its time to be gone."""
        def one():
            snapshot = self.over(self.taken(body)["number"])
            return snapshot if "still at work" not in (snapshot["reason"] or "") else None
        return wait_for(one, 90, "the copy before is gone")

    def taken(self, body=None):
        return wait_for(lambda: next((answer for status, answer in [self.post(self.path, body)]
                                      if status == 202), None), 90, "a snapshot is ordered")

    def test_a_snapshot_is_ordered_and_read(self):
        first = self.taken({"types": ["__main__.InList"]})
        self.assertEqual((first["state"], first["pause_us"]), ("requested", None))
        self.over(first["number"])
        done = self.looked_into({"types": ["__main__.InList"]})
        self.assertEqual((done["state"], done["partial"]), ("done", False), done)
        self.assertEqual([r["path"] for r in done["retainers"]],
                         [["module __main__", ".registry", "list[...]", "__main__.InList"]])
        self.assertEqual(done["retainers"][0]["share"], 1)
        counts = {t["name"]: t["live_count"] for t in done["types"]}
        self.assertEqual(counts["__main__.InDict"], 100)
        self.assertEqual(done["objects"] >= sum(counts.values()), True)
        wait_for(lambda: self.daemon.get(f"{self.path}/{done['number']}")["pause_us"], 30,
                 "the pause is known")
        listed = self.daemon.get(self.path)["snapshots"]
        self.assertIn(done["number"], [s["number"] for s in listed])
        self.assertNotIn("types", listed[0])

    def test_a_second_is_refused_while_the_first_is_under_way(self):
        os.kill(self.program.pid, signal.SIGSTOP)  # it takes none meanwhile
        try:
            first = self.taken()
            status, problem = self.post(self.path)
        finally:
            os.kill(self.program.pid, signal.SIGCONT)
        self.assertEqual((status, problem["type"]), (409, "urn:leakd:problem:conflict"))
        self.over(first["number"])

    def test_only_the_last_four_are_kept(self):
        numbers = []
        for _ in range(5):
            numbers.append(self.taken()["number"])
            self.over(numbers[-1])
        kept = [s["number"] for s in self.daemon.get(self.path)["snapshots"]]
        self.assertEqual(kept, sorted(numbers, reverse=True)[:4])
        self.assertEqual(self.daemon.status_of(f"{self.path}/{numbers[0]}")[0], 404)

    def test_what_cannot_be_looked_into_is_said(self):
        native = self.daemon.process_of(next(p["pid"] for p in self.daemon.processes()
                                             if p["name"] == "native"))
        status, problem = self.post(f"/api/v1/processes/{native['id']}/snapshots")
        self.assertEqual(status, 409)
        self.assertIn("CPython", problem["detail"])
        self.assertEqual(self.post("/api/v1/processes/1-1/snapshots")[0], 404)
        self.assertEqual(self.daemon.status_of(self.path + "/0")[0], 404)
        self.assertEqual(self.daemon.status_of(self.path + "/x")[0], 404)

    def test_foreign_pages_and_forms_order_nothing(self):
        self.assertEqual(self.post(self.path, Origin="http://evil.example")[0], 403)
        self.assertEqual(self.post(self.path, **{"Sec-Fetch-Site": "cross-site"})[0], 403)
        self.assertEqual(self.post(self.path, **{"Content-Type": "text/plain"})[0], 415)
        self.assertEqual(self.post(self.path, {"typos": []})[0], 400)
        self.assertEqual(self.post(self.path, {"types": [1]})[0], 400)
        self.assertEqual(self.post(self.path, [])[0], 400)
        self.assertEqual(self.post(self.path, {"types": ["x" * 20000]})[0], 413)
        status, headers, _ = self.daemon.status_of(self.path, method="DELETE")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD, POST"))

    def test_leakctl_takes_one_and_shows_who_holds(self):
        url = ("--url", f"http://127.0.0.1:{self.daemon.port}")

        def take():
            done = self.daemon.ctl("snapshot", "held", "--type", "__main__.InDict", *url)
            is_early = done.returncode == 2 or "still at work" in done.stdout + done.stderr
            return None if is_early else done
        done = wait_for(take, 90, "leakctl snapshot")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("100 %  module __main__ -> .cache -> dict[...] -> __main__.InDict",
                      done.stdout)
        shown = self.daemon.ctl("retainers", str(self.process["pid"]), "--json", *url)
        self.assertEqual(json.loads(shown.stdout)["state"], "done")
        self.assertEqual(self.daemon.ctl("retainers", "native", *url).returncode, 5)
        self.assertEqual(self.daemon.ctl("snapshot", "native", *url).returncode, 2)

    def test_a_program_may_ask_for_one(self):
        code = ("import leakd\n"
                "leakd.snapshot()\n"
                "while True: held = [bytearray(4096) for _ in range(100)]\n")
        self.daemon.run(PYTHON, "-c", code, name="asking", env={
            "LEAKD_DELAY_MS": "0", "PYTHONPATH": os.path.join(os.path.dirname(TESTS), "agent",
                                                              "python")})

        def granted():
            asking = next((p for p in self.daemon.processes() if p["name"] == "asking"), None)
            listed = asking and self.daemon.get(
                f"/api/v1/processes/{asking['id']}/snapshots")["snapshots"]
            return listed and listed[0]["state"] == "done" and listed
        self.assertEqual(len(wait_for(granted, 60, "the snapshot that it asked for")), 1)

    def test_a_stranger_with_a_wrong_token_is_dropped(self):
        peer = self.daemon.connect()
        peer.sendall(wire.encode("SNAPSHOT", number=1, token=99, part=0, progress=2, flags=0,
                                 pause_ns=0, objects=1, bytes=1, duration_ns=1, reason=""))
        self.assertEqual(peer.recv(100), b"")
        peer.close()

    def test_the_copy_is_gone_when_it_has_told(self):
        self.over(self.taken()["number"])

        def left():
            names = []
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                        text = file.read()
                    if "(leakd-snapshot)" in text and f" {self.process['pid']} " in text:
                        names.append(pid)
                except OSError:
                    pass
            return not names
        wait_for(left, 20, "no copy is left as a child of the program")
        self.assertIsNone(self.program.poll())
