#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Memory that comes from no allocator: a Java heap is judged by what its collections leave, and what a program
maps behind everybody's back by what is resident. Each verdict takes minutes: LEAKD_LONG=1."""
import os
import shutil
import sys
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))

import daemon  # noqa: E402

LONG = os.environ.get("LEAKD_LONG") == "1"
JAVA = shutil.which("java")
NODE = shutil.which("node")
SOURCE = os.path.join(ROOT, "tests", "targets", "Growing.java")
# The old objects are found by no collection but a full one, and there is room for all of them.
HEAP = ("-XX:+UseSerialGC", "-Xmn8m", "-Xms256m", "-Xmx256m")
WATCHED_S = 300
NODE_LEAK = "const keep = []; setInterval(() => keep.push(new Array(5000).fill(1)), 100)"


@unittest.skipUnless(JAVA, "no java")
class JavaHeap(unittest.TestCase):
    def test_live_bytes_hold_what_is_used_of_the_heap_and_not_what_is_mapped_for_it(self):
        with daemon.Daemon() as leakd:
            program = leakd.run(JAVA, *HEAP, SOURCE, "0", "0", "1", name="growing")
            known = leakd.process_of(program.pid, 60, name="growing")
            known = daemon.wait_for(
                lambda: (found := leakd.get("/api/v1/processes/" + known["id"]))["java_heap"] and
                found["java_heap"]["full_collections"] > 1 and found, 60, "it was collected")
            heap, domains = known["java_heap"], known["domains"]
            self.assertLessEqual(200 << 20, heap["committed_bytes"])
            self.assertLessEqual(heap["committed_bytes"], domains["mmap"]["live_bytes"])
            self.assertGreater(heap["used_bytes"], 0)
            self.assertLess(known["live_bytes"], domains["mmap"]["live_bytes"])
            self.assertRegex(known["runtime"], r"^(openjdk|hotspot) [0-9]")
            said = leakd.ctl("show", known["id"], "--socket", leakd.api_path).stdout
            self.assertRegex(said, r"java heap +\S+ \S+ left by the last collection")

    @unittest.skipUnless(LONG, "LEAKD_LONG=1")
    def test_what_full_collections_leave_is_told_and_garbage_is_not(self):
        with daemon.Daemon() as leakd:
            leaky = leakd.run(JAVA, *HEAP, SOURCE, "200", "100", "15", name="leaky", profile="fast")
            garbage = leakd.run(JAVA, *HEAP, SOURCE, "0", "300", "0", name="garbage", profile="fast")
            told = leakd.process_of(leaky.pid, WATCHED_S, verdict="leak")
            self.assertEqual("java_heap", told["growth_in"])
            self.assertIn("in the Java heap", told["summary"])
            self.assertEqual("java_heap_max", told["limit_source"])
            self.assertEqual(told["java_heap"]["max_bytes"], told["limit_bytes"])
            until = time.monotonic() + 60
            while time.monotonic() < until:
                known = leakd.process_of(garbage.pid)
                self.assertIn(known["verdict"], ("ok", "suspect", "learning", "resolved"), known["summary"])
                time.sleep(1)
            self.assertEqual(["leaky"], [incident["process"]["name"] for incident in
                                         leakd.get("/api/v1/incidents")["incidents"]])


@unittest.skipUnless(NODE, "no node")
class Elsewhere(unittest.TestCase):
    @unittest.skipUnless(LONG, "LEAKD_LONG=1")
    def test_a_leak_in_a_heap_that_nobody_counts_is_told_by_resident_memory(self):
        with daemon.Daemon() as leakd:
            program = leakd.run(NODE, "-e", NODE_LEAK, name="node", profile="fast")
            told = leakd.process_of(program.pid, WATCHED_S, verdict="leak")
            self.assertEqual("elsewhere", told["growth_in"])
            self.assertIn("that allocators gave out", told["summary"])
            incident = leakd.get("/api/v1/incidents")["incidents"][0]
            self.assertEqual([], leakd.get("/api/v1/incidents/" + incident["id"])["sites"])


if __name__ == "__main__":
    unittest.main()
