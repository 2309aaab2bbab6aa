# SPDX-License-Identifier: MIT
"""Runs unittest files and prints TAP: one line a test, named for the fact it proves."""
import importlib.util
import os
import sys
import time
import unittest


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def say(self, word, test, suffix=""):
        self.number += 1
        name = test.id().replace("#", "")
        took = time.monotonic() - self.started
        print(f"{word} {self.number} - {name} ({took:.1f} s){suffix}", flush=True)

    def explain(self, text):
        for line in text.rstrip().splitlines():
            print(f"# {line}", flush=True)

    def addSuccess(self, test):
        self.say("ok", test)

    def addSkip(self, test, reason):
        self.started = self.started or time.monotonic()
        self.say("ok", test, f" # SKIP {reason}")

    def fail(self, test, err):
        self.say("not ok", test)
        self.explain(self._exc_info_to_string(err, test))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.fail(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.fail(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.failures.append((subtest, ""))
            self.fail(subtest, err)

    def addExpectedFailure(self, test, err):
        self.say("ok", test)

    def addUnexpectedSuccess(self, test):
        self.failures.append((test, ""))
        self.say("not ok", test)


def load(path):
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec.loader.exec_module(module)
    return unittest.defaultTestLoader.loadTestsFromModule(module)


def main(paths):
    result = TapResult()
    for path in paths:
        load(path).run(result)
    print(f"1..{result.number}")
    return 1 if result.failures or result.errors else 0


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    sys.exit(main(sys.argv[1:]))
