# SPDX-License-Identifier: MIT
"""CPython's own tests, module by module, as the interpreter's package `test` has them."""
import os
import subprocess
import xml.etree.ElementTree as ElementTree

from base import FAIL, PASS, SKIP, Suite, run_command
from source import Missing

LIST = "from test.libregrtest.runtest import findtests; print('\\n'.join(findtests()))"
LIST_NEWER = "from test.libregrtest.findtests import findtests; print('\\n'.join(findtests()))"


def read_junit(path):
    """{case: result} of a file of JUnit's XML; empty when the run left none."""
    cases = {}
    try:
        tree = ElementTree.parse(path)
    except (OSError, ElementTree.ParseError):
        return cases
    for case in tree.iter("testcase"):
        children = {child.tag for child in case}
        result = PASS
        if children & {"failure", "error"}:
            result = FAIL
        elif "skipped" in children or case.get("status") == "notrun":
            result = SKIP
        cases[case.get("name", "?")] = result
    return cases


class CPython(Suite):
    name = "cpython"
    about = "CPython's own tests"
    bare_runs = 1
    python = "/usr/bin/python3"

    def prepare(self):
        found = subprocess.run([self.python, "-c", "import test.test_os, test.libregrtest"],
                               capture_output=True, text=True, check=False)
        if found.returncode != 0:
            raise Missing(f"{self.python} has no tests (Debian: libpython3.*-testsuite)")

    def groups(self):
        for text in (LIST_NEWER, LIST):
            done = subprocess.run([self.python, "-c", text], capture_output=True, text=True,
                                  check=False)
            if done.returncode == 0:
                return done.stdout.split()
        raise Missing(f"{self.python} cannot list its tests")

    def run(self, group, env, seconds, scratch):
        out = os.path.join(scratch, "junit.xml")
        argv = [self.python, "-m", "test", "--junit-xml", out, group]
        ended = run_command(argv, dict(env, TMPDIR=scratch), seconds, scratch)
        return ended, read_junit(out)
