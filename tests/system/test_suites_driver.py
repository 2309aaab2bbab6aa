# SPDX-License-Identifier: MIT
"""The driver of other people's suites notices what it is there to notice."""
import os
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "suites"), os.path.join(TESTS, "lib")]
import base  # noqa: E402
import compare  # noqa: E402
import cpython  # noqa: E402
import debian  # noqa: E402


class Comparing(unittest.TestCase):
    def steady(self, bare, loaded):
        return [f.case for f in compare.differing("g", bare, loaded) if f.is_steady]

    def test_a_case_that_fails_or_vanishes_only_with_the_agent_differs(self):
        bare = [{"a": "pass", "b": "pass", "c": "skip"}] * 3
        self.assertEqual(self.steady(bare, [{"a": "fail", "c": "skip"}] * 3), ["a", "b"])

    def test_a_case_that_fails_both_ways_is_the_same(self):
        self.assertEqual(compare.differing("g", [{"a": "fail"}], [{"a": "fail"}]), [])

    def test_what_the_bare_runs_do_not_agree_on_is_a_flake(self):
        bare = [{"a": "pass"}, {"a": "fail"}, {"a": "pass"}]
        self.assertEqual(compare.flakes(bare), ["a"])
        self.assertEqual(compare.differing("g", bare, [{"a": "fail"}]), [])

    def test_what_differs_once_and_not_again_is_found_but_not_steady(self):
        findings = compare.differing("g", [{"a": "pass"}] * 3,
                                     [{"a": "fail"}, {"a": "pass"}, {"a": "pass"}])
        self.assertEqual([f.is_steady for f in findings], [False])

    def test_a_run_that_was_cut_short_says_nothing_of_what_it_did_not_reach(self):
        late = {compare.EXIT: compare.TIME_UP, "a": "pass"}
        whole = {compare.EXIT: "status 0", "a": "pass", "b": "pass"}
        self.assertEqual(self.steady([whole], [late]), [compare.EXIT])

    def test_the_count_is_of_cases(self):
        count = compare.Count()
        run = {"a": "pass", "b": "fail", "c": "skip", "d": "pass", compare.EXIT: "status 1"}
        count.add([run], [dict(run, d="fail")], {"d"})
        self.assertEqual((count.passed, count.failed, count.skipped), (2, 1, 1))


class Parsing(unittest.TestCase):
    def test_tap(self):
        text = "ok 1 - x\nnot ok 2 - y\nok 3 # skip no z\nnot ok 4 # todo later\nnoise\n"
        self.assertEqual(base.parse_tap(text),
                         {"#1": "pass", "#2": "fail", "#3": "skip", "#4": "todo fail"})

    def test_junit(self):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write('<testsuites><testsuite><testcase name="a"/><testcase name="b"><failure/>'
                       '</testcase><testcase name="c"><skipped/></testcase></testsuite></testsuites>')
            file.flush()
            self.assertEqual(cpython.read_junit(file.name),
                             {"a": "pass", "b": "fail", "c": "skip"})

    def test_tcl(self):
        text = "++++ a-1.1 PASSED\n++++ a-1.2 SKIPPED: root\n==== a-1.3 what it does FAILED\n"
        self.assertEqual([(n, w) for n, w in debian.Tcl.LINE.findall(text)],
                         [("a-1.1", "PASSED"), ("a-1.2", "SKIPPED"), ("a-1.3", "FAILED")])


    def test_redis_cases_that_are_drawn_by_lot_are_known_by_what_they_are_about(self):
        text = ("[ok]: PSYNC2: Set #0 to replicate from #2 (3 ms)\n[err]: PSYNC2: Set #4 to replicate from "
                "#1 in tests/integration/psync2.tcl\n[ok]: PSYNC2: --- CYCLE 12 --- (1 ms)\n"
                "[ok]: INCR twice (1 ms)\n[ok]: INCR twice (2 ms)\n[skip]: TLS: not here\n")
        self.assertEqual(debian.Redis("", None).cases(text), {
            "PSYNC2: Set #N to replicate from #N": "fail", "PSYNC2: --- CYCLE N ---": "pass",
            "INCR twice": "pass", "INCR twice (2)": "pass", "TLS: not here": "skip"})


class Harmed(base.Suite):
    """A program that notices a preloaded library."""

    name = "harmed"
    bare_runs = 1

    def groups(self):
        return ["one", "two"]

    def run(self, group, env, seconds, scratch):
        say = "ok 1\n" + ("not ok 2" if group == "one" and "LD_PRELOAD" in env else "ok 2")
        ended = base.run_command(["echo", say], env, seconds, scratch)
        return ended, base.parse_tap(ended.text)


class Running(unittest.TestCase):
    def test_a_program_that_notices_the_agent_fails_its_suite(self):
        code = ("import sys; sys.path[:0] = %r; import test_suites_driver as t, run\n"
                "run.SUITES.clear(); run.SUITES['harmed'] = t.Harmed\n"
                "sys.exit(run.main())" % [os.path.dirname(os.path.abspath(__file__))])
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, "-c", code, "--folder", folder],
                                  capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("failed: harmed one #2: bare pass, pass, pass; loaded fail, fail, fail",
                      done.stdout)
        self.assertEqual(done.stdout.splitlines()[-1], "3 passed, 1 failed, 0 skipped")


if __name__ == "__main__":
    unittest.main()
