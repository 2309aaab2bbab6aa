# SPDX-License-Identifier: MIT
"""The heap of a Java virtual machine: what the agent tells of it is what the machine itself says of it, for
each collector whose counters are known, and nothing for the others; and the machine does not notice.
LEAKD_JAVAS=PATH[:PATH...] names further machines (bin/java), of any release from 8 on."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from loaded import ROOT, Torture, clean_environment, loaded_environment, run, target  # noqa: E402

MIB = 1 << 20
JAVAC = shutil.which("javac")
JAVAS = [path for path in [shutil.which("java"), *os.environ.get("LEAKD_JAVAS", "").split(":")] if path]
KNOWN = ("G1GC", "SerialGC", "ParallelGC")
# What its beans call them: what is new; everything.
COLLECTORS = {"G1GC": ("G1_Young_Generation", "G1_Old_Generation"),
              "SerialGC": ("Copy", "MarkSweepCompact"),
              "ParallelGC": ("PS_Scavenge", "PS_MarkSweep")}
STRUCTURES_MIB = 128  # of a machine beside its heap: card tables, mark bits, code, classes, stacks


def figures_of(out):
    """What a program said, "name number" a line."""
    return {name: int(number) for name, number in re.findall(r"(?m)^(\w+) (\d+)$", out)}


def wait_until(is_so, seconds=30):
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.02)


@unittest.skipUnless(JAVAC, "no javac")
@unittest.skipUnless(JAVAS, "no java")
class Machines(Torture):
    @classmethod
    def setUpClass(cls):
        cls.classes = tempfile.mkdtemp(prefix="leakd-test-")
        cls.addClassCleanup(shutil.rmtree, cls.classes)
        subprocess.run([JAVAC, "--release", "8", "-Xlint:-options", "-d", cls.classes,
                        os.path.join(ROOT, "tests/targets/Collected.java")],
                       check=True, stdin=subprocess.DEVNULL, env=clean_environment())

    def command(self, *options, java=None, keep=40, drop=160, collect=3, beside=None):
        return [java or JAVAS[0], "-Xmx512m", "-XX:+UnlockExperimentalVMOptions", *options,
                "-cp", self.classes, "Collected", str(keep), str(drop), str(collect),
                *([str(beside)] if beside else [])]

    def run_java(self, *options, settings=None, **more):
        """The agent of the machine, the machine's own figures, the agents of its children."""
        before = len(self.daemon.agents)
        status, out, err = self.run_loaded(self.command(*options, **more), **(settings or {}))
        self.assertEqual((status, err), (0, b""), out)
        self.daemon.wait_closed(before + 1)
        agents = [agent for agent in self.daemon.agents[before:] if agent.hello]
        machines = [agent for agent in agents if agent.hello["exe"].endswith("/java")
                    and not agent.hello["capabilities"] & wire.CAP_FORKED]
        self.assertEqual(len(machines), 1)
        figures = figures_of(out.decode())
        self.assertEqual(figures["status"], 0)
        self.assertIn("another\n", out.decode())
        return machines[0], figures, [agent for agent in agents if agent is not machines[0]]

    def check_figures(self, collector, agent, figures):
        young, full = COLLECTORS[collector]
        heap = agent.heaps[-1]
        self.assertEqual(heap["used_bytes"], figures["used"])
        self.assertGreater(heap["used_bytes"], 40 * MIB)
        self.assertEqual(heap["young_collections"], figures[young])
        self.assertEqual(heap["full_collections"], figures[full])
        self.assertGreaterEqual(heap["full_collections"], 3)  # those it was asked for
        self.assertGreater(heap["pause_ns_total"], 0)
        self.assertEqual(heap["max_bytes"], 512 * MIB)
        if collector == "G1GC":
            self.assertEqual(heap["committed_bytes"], figures["committed"])
        else:  # the bean leaves out the survivor space that is empty
            self.assertGreaterEqual(heap["committed_bytes"], figures["committed"])
            self.assertLessEqual(heap["committed_bytes"], heap["max_bytes"])

    def check_order(self, agent):
        """Each heap right in front of its totals, of the same moment."""
        names = agent.order
        self.assertTrue(agent.heaps)
        for at, name in enumerate(names):
            if name == "HEAP":
                self.assertEqual(names[at + 1], "TOTALS")
        self.assertEqual(agent.heaps[-1]["time_ms"], agent.totals[-1]["time_ms"])


class Figures(Machines):
    def test_are_those_of_the_machine_for_each_known_collector(self):
        for java in JAVAS:
            for collector in KNOWN:
                with self.subTest(java=java, collector=collector):
                    agent, figures, _ = self.run_java(f"-XX:+Use{collector}", java=java)
                    self.check_figures(collector, agent, figures)
                    self.check_order(agent)
                    self.assertRegex(agent.hello["runtime"], r"^openjdk [0-9][0-9A-Za-z._+-]*$")
                    self.assertEqual(agent.hello["reason"], "")

    def test_are_there_when_the_counters_are_in_memory_of_the_machines_own(self):
        agent, figures, _ = self.run_java("-XX:+UseSerialGC", "-XX:+PerfDisableSharedMem")
        self.check_figures("SerialGC", agent, figures)

    def test_what_is_committed_is_mapped_and_leaves_when_the_heap_shrinks(self):
        for collector in KNOWN:
            with self.subTest(collector):
                agent, figures, _ = self.run_java(f"-XX:+Use{collector}", "-Xms16m", keep=1, drop=300,
                                                  collect=4, beside=STRUCTURES_MIB)
                heap, mapped = agent.heaps[-1], agent.domain("mmap")
                self.assertLess(heap["used_bytes"], 10 * MIB)
                self.assertGreaterEqual(mapped["live_bytes"], heap["committed_bytes"])
                self.assertLess(mapped["live_bytes"], heap["committed_bytes"] + STRUCTURES_MIB * MIB)
                self.assertLessEqual(mapped["live_bytes"], figures["mapped"])

    def test_of_a_machine_that_is_loaded_late_are_found_and_not_told_by_forked_children(self):
        home = os.path.dirname(os.path.dirname(os.path.realpath(JAVAS[0])))
        libraries = glob.glob(os.path.join(home, "**", "server", "libjvm.so"), recursive=True)
        status, out, err = self.run_loaded([target("embeds"), libraries[0]])
        self.assertEqual((status, err), (0, b""), out)
        self.assertEqual(out.decode(), "before: 0\ncreated: 0\nwith it: 0\n")
        agents = self.agents(3)
        children = [agent for agent in agents if agent.hello["capabilities"] & wire.CAP_FORKED]
        self.assertEqual(len(children), 2)
        for child in children:
            self.assertEqual(child.heaps, [])
            self.assertTrue(child.totals)
        parent, = (agent for agent in agents if agent not in children)
        self.assertEqual(parent.heaps[-1]["max_bytes"], 64 * MIB)
        self.assertTrue(parent.hello["runtime"].startswith("openjdk "))


class Silence(Machines):
    def check_none(self, *options, **more):
        agent, _, _ = self.run_java(*options, **more)
        self.assertEqual(agent.heaps, [])
        self.assertTrue(agent.totals)
        return agent.hello

    def has(self, option):
        return run([JAVAS[0], "-XX:+UnlockExperimentalVMOptions", option, "-version"],
                   clean_environment())[0] == 0

    def test_of_collectors_whose_figures_mean_something_else(self):
        tried = 0
        for option in ("-XX:+UseZGC", "-XX:+UseShenandoahGC", "-XX:+UseEpsilonGC"):
            if self.has(option):
                with self.subTest(option):
                    hello = self.check_none(option)
                    self.assertTrue(hello["runtime"].startswith("openjdk "))
                    self.assertTrue(hello["reason"].startswith("java: "))
                    tried += 1
        if not tried:
            self.skipTest("this machine has none of them")

    def test_where_the_machine_publishes_nothing_or_the_agent_is_not_to_look(self):
        for hello in (self.check_none("-XX:-UsePerfData"), self.check_none(settings={"java": "off"})):
            self.assertEqual((hello["runtime"], hello["reason"]), ("native", ""))


class Children(Machines):
    def test_are_started_as_ever_and_tell_nothing_of_the_heap(self):
        for way in ("FORK", "VFORK", "POSIX_SPAWN"):
            with self.subTest(way):
                agent, _, children = self.run_java("-XX:+UseSerialGC",
                                                   f"-Djdk.lang.Process.launchMechanism={way}")
                self.assertTrue(agent.heaps)
                self.assertEqual([child.heaps for child in children if child.heaps], [])


class Harmless(Machines):
    def test_every_allocation_may_be_sampled(self):
        agent, figures, _ = self.run_java("-XX:+UseG1GC", settings={"period": 1})
        self.check_figures("G1GC", agent, figures)

    def test_a_program_computes_and_says_the_same(self):
        argv = [JAVAS[0], "-version"]
        self.same(argv)
        said = []
        for env in (clean_environment(), loaded_environment(self.daemon)):
            status, out, err = run(self.command(), env)
            said.append((status, re.findall(r"(?m)^(?:another|status .*|pieces .*)$", out.decode()), err))
        self.assertEqual(*said)

    def crash(self, env):
        """How a machine ends whose counters' file is cut while it runs, and the report that it leaves."""
        with tempfile.TemporaryDirectory(prefix="leakd-test-") as folder:
            report = os.path.join(folder, "report")
            machine = subprocess.Popen(
                [JAVAS[0], "-Xmx64m", "-XX:+UseSerialGC", "-XX:-CreateCoredumpOnCrash",
                 f"-XX:ErrorFile={report}", "-cp", self.classes, "Collected", "1", "1", "100000000"],
                env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                self.cut_counters(machine)
                status = machine.wait(60)
            finally:
                machine.kill()
                machine.wait()
            if not os.path.exists(report):
                return status, ""
            with open(report, encoding="utf-8", errors="replace") as file:
                return status, file.read()

    def cut_counters(self, machine):
        def is_started():
            self.assertIsNone(machine.poll())
            for path in glob.glob(f"/tmp/hsperfdata_*/{machine.pid}"):
                with open(path, "rb") as file:
                    return file.read(8)[7:] == b"\1"
            return False
        wait_until(is_started)
        if "LD_PRELOAD" in self.env:
            wait_until(lambda: any(agent.heaps for agent in self.daemon.agents))
        os.truncate(glob.glob(f"/tmp/hsperfdata_*/{machine.pid}")[0], 0)

    def test_a_machine_that_crashes_because_its_counters_were_cut_writes_its_whole_report(self):
        ends = []
        for self.env in (clean_environment(), loaded_environment(self.daemon)):
            status, report = self.crash(self.env)
            self.assertIn("SIGBUS", report)
            self.assertEqual(report.splitlines()[-1:], ["END."])
            ends.append(status)
        self.assertEqual(*ends)


if __name__ == "__main__":
    unittest.main()
