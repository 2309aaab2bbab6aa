# SPDX-License-Identifier: MIT
"""Two moments of a running program compared, and its call stacks in the formats of other tools,
each read by rules of its own here."""
import gzip
import json
import os
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon import BUILD, PYTHON, ROOT, Daemon, wait_for  # noqa: E402

PROGRAM = "tests/targets/grow_later.py"


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """The (field, value) pairs of a protobuf message with varints and bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
            assert len(value) == length
        else:
            raise AssertionError(f"wire type {tag & 7}")
        yield tag >> 3, value


def packed(data):
    at, values = 0, []
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return values


class Profile:
    """profile.proto, read: stacks (leaf first, "function file:line") with their four values."""

    def __init__(self, data):
        message = list(fields(data))
        self.strings = [value.decode() for field, value in message if field == 6]
        functions, locations = {}, {}
        for field, value in message:
            if field == 5:
                function = dict(fields(value))
                functions[function[1]] = (self.strings[function[2]], self.strings[function[4]])
        for field, value in message:
            if field == 4:
                location = dict(fields(value))
                line = dict(fields(location[4]))
                name, file = functions[line[1]]
                locations[location[1]] = f"{name} {os.path.basename(file)}:{line[2]}"
        self.types = [self.strings[dict(fields(value))[1]]
                      for field, value in message if field == 1]
        self.samples = []
        for field, value in message:
            if field == 2:
                sample = dict(fields(value))
                self.samples.append(([locations[i] for i in packed(sample.get(1, b""))],
                                     packed(sample[2])))


def leaves(node):
    if not node["children"]:
        yield node
    for child in node["children"]:
        yield from leaves(child)


class Flame(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        with open(os.path.join(ROOT, PROGRAM), encoding="utf-8") as file:
            cls.line = next(n for n, line in enumerate(file, 1) if "kept.append" in line)
        words = [os.path.join(BUILD, "leakctl"), "run", "--socket", cls.daemon.socket_path,
                 "--profile", "fast", "--period", "16384", "--", PYTHON,
                 os.path.join(ROOT, PROGRAM)]
        cls.program = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
        cls.addClassCleanup(cls.program.stdin.close)
        cls.daemon.programs.append(cls.program)
        cls.program.stdout.readline()
        cls.process = cls.daemon.process_of(cls.program.pid)
        cls.base = f"/api/v1/processes/{cls.process['id']}"
        wait_for(lambda: cls.graph("live")["root"]["value"] > 6e6, 30, "the first sites")
        cls.before_ms = int(time.time() * 1000) + 10_000
        wait_for(lambda: time.time() * 1000 > cls.before_ms + 10_000, 30, "a moment before")
        cls.program.stdin.write("more\n")
        cls.program.stdin.flush()
        wait_for(lambda: cls.graph("live")["root"]["value"] > 30e6, 60, "20 MB more")

    @classmethod
    def graph(cls, metric, rest=""):
        return cls.daemon.get(f"{cls.base}/flamegraph?metric={metric}{rest}")

    def test_the_difference_is_the_line_that_grew(self):
        graph = self.graph("diff", f"&from={self.before_ms}")
        self.assertLessEqual(abs(graph["from_ms"] - self.before_ms), 10_000)
        place = graph["places"][0]
        self.assertEqual((place["culprit"]["function"], place["culprit"]["line"]),
                         ("keep_more", self.line))
        self.assertGreater(place["delta"], 0.8 * (graph["root"]["delta"]))
        # What was there before stays in the figures and out of the difference.
        self.assertGreater(graph["root"]["before"], 6e6)
        self.assertLess(sum(abs(p["delta"]) for p in graph["places"][1:]), 0.2 * place["delta"])

    def test_a_tree_adds_up_from_its_leaves(self):
        def check(node):
            below = sum(child["value"] for child in node["children"])
            self.assertAlmostEqual(node["value"], node["self"] + below, delta=len(str(node)))
            for child in node["children"]:
                check(child)
        root = self.graph("live")["root"]
        check(root)
        self.assertEqual(root["name"], "all")
        self.assertTrue(any(leaf["language"] in ("python", "native") for leaf in leaves(root)))

    def test_pprof_says_the_same(self):
        output = os.path.join(self.daemon.folder, "heap.pb.gz")
        done = self.daemon.ctl("export", self.process["id"], "--output", output,
                               "--url", self.daemon.url(""))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        with gzip.open(output) as file:
            profile = Profile(file.read())
        self.assertEqual(profile.types,
                         ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"])
        self.assertEqual(profile.strings[0], "")
        grown = sum(values[3] for stack, values in profile.samples
                    if f"keep_more grow_later.py:{self.line}" in stack)
        self.assertGreater(grown, 15e6)
        for stack, values in profile.samples:
            self.assertEqual(len(values), 4)
            self.assertTrue(stack)

    def test_collapsed_stacks_are_lines_of_frames_and_bytes(self):
        done = self.daemon.ctl("export", self.process["id"], "--format", "collapsed",
                               "--url", self.daemon.url(""))
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        for line in lines:
            self.assertRegex(line, r"^[^;]+(;[^;]+)* \d+$")
        found = [line for line in lines if "keep_more (grow_later.py:" in line]
        self.assertTrue(found)
        self.assertTrue(re.search(r"main \(grow_later\.py:\d+\);keep_more", found[0]), found[0])

    def test_speedscope_has_frames_for_its_samples(self):
        done = self.daemon.ctl("export", self.process["id"], "--format", "speedscope",
                               "--url", self.daemon.url(""))
        document = json.loads(done.stdout)
        frames = document["shared"]["frames"]
        for profile in document["profiles"]:
            self.assertEqual(len(profile["samples"]), len(profile["weights"]))
            self.assertEqual(profile["endValue"], sum(profile["weights"]))
            for stack in profile["samples"]:
                self.assertTrue(all(0 <= number < len(frames) for number in stack))
        self.assertTrue(any("keep_more" in frame["name"] for frame in frames))

    def test_leakctl_lists_sites_types_and_the_difference(self):
        where = ("--url", self.daemon.url(""))
        sites = self.daemon.ctl("sites", self.process["id"], "--sort", "live", *where)
        self.assertIn(f"grow_later.py:{self.line} keep_more()", sites.stdout)
        types = self.daemon.ctl("types", self.process["id"], *where)
        self.assertIn("bytearray", types.stdout)
        diff = self.daemon.ctl("diff", self.process["id"], "--from", str(self.before_ms), *where)
        first = diff.stdout.splitlines()[2]
        self.assertRegex(first, r"grow_later\.py:\d+ keep_more\(\) +\+[0-9.]+ MiB")
        for words in (("diff", "x", "--from", "noon"), ("export", "x", "--format", "svg"),
                      ("sites", "x", "--sort", "a/b")):
            self.assertIn(self.daemon.ctl(*words, *where).returncode, (2, 5))
        self.assertEqual(self.daemon.ctl("export", "nobody", *where).returncode, 5)


if __name__ == "__main__":
    unittest.main()
