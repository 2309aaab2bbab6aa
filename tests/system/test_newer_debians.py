# SPDX-License-Identifier: MIT
"""The agent as it was built here, under the C libraries and with the interpreters of newer Debians:
the tests of native programs run once more with each of these C libraries. LEAKD_LONG=1 fetches what
is missing (tests/lib/debians.py) and runs them; other tests take the interpreters by LEAKD_PYTHONS."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, "lib"))
import debians  # noqa: E402
import loaded  # noqa: E402
import wire  # noqa: E402

SUITES = ("test_agent_torture.py", "test_agent_maps.py", "test_agent_stream.py",
          "test_agent_hazards.py")
# A daemon for other tests, with libraries that are not fetched; no program that is watched.
NOT_WATCHED = {"leakd_failing"}
# tests/lib/run.py gives this file 7200 s: debians.ALL_SECONDS, then each of SUITES under each C library.
SUITE_SECONDS = 300


def build_for(debian, folder):
    """A build folder whose programs use the other C library; {program: libraries that it lacks}."""
    lacking = {}
    for entry in os.scandir(loaded.BUILD):
        if entry.name != "targets":
            os.symlink(entry.path, os.path.join(folder, entry.name))
    targets = os.path.join(folder, "targets")
    os.mkdir(targets)
    for entry in os.scandir(os.path.join(loaded.BUILD, "targets")):
        copy = os.path.join(targets, entry.name)
        with open(entry.path, "rb") as old, open(copy, "wb") as new:
            new.write(old.read())
        os.chmod(copy, entry.stat().st_mode)
        if entry.name not in NOT_WATCHED and debian.is_dynamic(copy):
            lacking[entry.name] = debian.lacks(copy, loaded.BUILD + "/targets")
            debian.adopt(copy, targets)
    return lacking


@unittest.skipUnless(loaded.LONG, "fetches packages; LEAKD_LONG=1 runs it")
class NewerDebians(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.reasons = []
        cls.debians = debians.all_of_them(cls.reasons.append)
        # Two suites may have the same C library; taken is one with an interpreter.
        cls.libraries = {debian.libc_version(): debian for debian in
                         sorted(cls.debians, key=lambda debian: len(debian.interpreters()))}
        if not cls.debians:
            raise unittest.SkipTest("; ".join(cls.reasons))

    def folder_for(self, debian):
        folder = tempfile.TemporaryDirectory(prefix="leakd-test-")
        self.addCleanup(folder.cleanup)
        lacking = build_for(debian, folder.name)
        self.assertGreater(len(lacking), 10)
        self.assertEqual({}, {name: lacks for name, lacks in lacking.items() if lacks})
        return folder.name

    def test_native_figures_are_exact(self):
        for version, debian in self.libraries.items():
            with self.subTest(libc=version), wire.Daemon() as daemon:
                if not debian.interpreters():
                    self.skipTest(f"no CPython in {debian.versions()}")
                status, _, errors = loaded.run(
                    [debian.interpreters()[0], "-c", "x = [bytes(2000) for _ in range(9000)]"],
                    loaded.loaded_environment(daemon, period=4096))
                agent = daemon.wait_closed(1)[0]
                self.assertEqual((status, errors, daemon.errors), (0, b"", []))
                self.assertEqual(wire.METHODS[agent.domain("native")["method"]], "exact")
                self.assertIn(debian.libc(), [m["path"] for m in agent.modules.values()])

    def test_what_holds_for_native_programs_here_holds_there(self):
        for version, debian in self.libraries.items():
            build = self.folder_for(debian)
            for name in SUITES:
                with self.subTest(libc=version, tests=name):
                    done = debians.bounded(
                        ["/usr/bin/python3", os.path.join(TESTS, "lib/tap.py"),
                         os.path.join(TESTS, "system", name)], SUITE_SECONDS,
                        env=dict(os.environ, LEAKD_BUILD=build, LEAKD_LONG=""),
                        stderr=subprocess.STDOUT)
                    self.assertEqual([], re.findall(r"(?m)^not ok .*", done.stdout))
                    self.assertGreater(len(re.findall(r"(?m)^ok (?!.*# SKIP)", done.stdout)), 5)
                    self.assertEqual(done.returncode, 0, done.stdout)

    def test_an_unknown_version_is_left_alone_and_said(self):
        newest = f"python3.{debians.UNKNOWN_MINOR}"
        paths = [path for debian in self.debians for path in debian.interpreters()
                 if os.path.basename(path) == newest]
        if not paths:
            self.skipTest(f"no Debian has {newest} today")
        with wire.Daemon() as daemon:
            env = loaded.loaded_environment(daemon, python="always")
            status, out, errors = loaded.run(
                [paths[0], "-c", "print(sum(len(str(x)) for x in range(300000)))"], env)
            agent = daemon.wait_closed(1)[0]
        self.assertEqual((status, out, errors), (0, b"1688890\n", b""))
        self.assertIn(agent.hello["reason"], ("python: unknown version", "python: pre-release"))
        self.assertEqual(wire.METHODS[agent.domain("native")["method"]], "exact")


if __name__ == "__main__":
    unittest.main()
