#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Other people's suites under the agent: each group of cases runs bare, then loaded with a real
leakd listening, and every case must end as it does bare. Prints each difference and closes with
"N passed, N failed, N skipped": passed is a case with the same result. README.md has more."""
import argparse
import fnmatch
import json
import os
import re
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "lib")]
os.environ.setdefault("LEAKD_BUILD", os.path.join(ROOT, "build", "plain"))

import compare  # noqa: E402
import daemon as leakd  # noqa: E402
from cpython import CPython  # noqa: E402
from debian import Git, Perl, Redis, StressNg, Tcl  # noqa: E402
from source import Archive, Missing  # noqa: E402

SUITES = {suite.name: suite for suite in (StressNg, Redis, Tcl, Perl, Git, CPython)}
REPEATS = 3  # runs of each kind of a group in which something differs


def options():
    parser = argparse.ArgumentParser(prog="tests/run --suites", description=__doc__)
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES], metavar="SUITE",
                        help=f"which ones: {', '.join(SUITES)} (all)")
    parser.add_argument("--groups", default="*", metavar="GLOB[,GLOB...]",
                        help="only groups so named")
    parser.add_argument("--minutes", type=float, default=0, help="start nothing after so long")
    parser.add_argument("--group-seconds", type=float, default=600, help="the most a group may take")
    parser.add_argument("--python", action="append", default=[], metavar="PATH",
                        help="an interpreter for CPython's tests, repeatable; pyenv's when PYENV "
                        "is set, else Debian's")
    parser.add_argument("--set", action="append", default=[], metavar="LEAKD_X=VALUE", dest="settings",
                        help="for the loaded runs, e.g. LEAKD_PYTHON=always")
    parser.add_argument("--fresh", action="store_true", help="forget the results of earlier runs")
    parser.add_argument("--bare-runs", type=int, default=0, help="instead of the suite's own number")
    parser.add_argument("--folder", default=os.path.join(ROOT, "build", "suites"),
                        help="sources and results (build/suites)")
    own = ("--suites", "--no-install")  # tests/run's
    return parser.parse_args([word for word in sys.argv[1:] if word not in own])


class Results:
    """What ran already, in a file a group, so that a run that was cut short goes on. The bare runs
    do not depend on the agent and are kept when it changes."""

    def __init__(self, folder, suite, label):
        self.folder = os.path.join(folder, "results", suite)
        self.label = label
        os.makedirs(self.folder, exist_ok=True)

    def path(self, group, mode, suffix="json"):
        mode = mode if mode == "bare" else self.label
        return os.path.join(self.folder, f"{group.replace('/', '+')}.{mode}.{suffix}")

    def get(self, group, mode):
        try:
            with open(self.path(group, mode), encoding="utf-8") as file:
                return json.load(file)
        except OSError:
            return []

    def put(self, group, mode, runs):
        with open(self.path(group, mode) + ".new", "w", encoding="utf-8") as file:
            json.dump(runs, file)
        os.rename(file.name, self.path(group, mode))

    def log(self, group, mode, number, text):
        with open(self.path(group, mode, f"{number}.log"), "w", encoding="utf-8") as file:
            file.write(text)


class Runner:
    """Runs groups both ways against one leakd. folder: keeps a copy of the agent, which a build must
    not change while it is being loaded."""

    def __init__(self, daemon, settings, group_seconds, folder):
        self.daemon, self.settings, self.group_seconds = daemon, settings, group_seconds
        self.agent = os.path.join(os.path.abspath(folder), "libleakagent.so")
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as new:
            os.rename(shutil.copy(os.path.join(leakd.BUILD, "libleakagent.so"), new), self.agent)

    def environment(self, mode):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith("LEAKD_") and k != "LD_PRELOAD"}
        if mode == "loaded":
            env.update(LD_PRELOAD=self.agent, LEAKD_SOCKET=self.daemon.socket_path, LEAKD_DELAY_MS="0",
                       LEAKD_PROFILE="fast", **self.settings)
        return env

    def once(self, suite, group, mode, results):
        scratch = tempfile.mkdtemp(prefix="ls-")  # short: sockets are made below it
        os.chmod(scratch, 0o755)
        try:
            ended, cases = suite.run(group, self.environment(mode), self.group_seconds, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        cases[compare.EXIT] = compare.TIME_UP if ended.status is None else f"status {ended.status}"
        runs = results.get(group, mode) + [cases]
        results.put(group, mode, runs)
        results.log(group, mode, len(runs), ended.text)

    def until(self, suite, group, mode, count, results):
        while len(results.get(group, mode)) < count:
            self.once(suite, group, mode, results)
        return results.get(group, mode)

    def group(self, suite, group, bare_runs, results):
        """(bare runs, loaded runs, findings); repeats what differs."""
        bare = self.until(suite, group, "bare", bare_runs, results)
        loaded = self.until(suite, group, "loaded", 1, results)
        findings = compare.differing(group, bare, loaded)
        if findings:
            bare = self.until(suite, group, "bare", REPEATS, results)
            loaded = self.until(suite, group, "loaded", REPEATS, results)
            findings = compare.differing(group, bare, loaded)
        return bare, loaded, findings


def say(text):
    print(text, flush=True)


def run_suite(suite, label, runner, words, count, deadline):
    """Returns the steady findings of one suite."""
    results = Results(words.folder, label, "loaded" + "".join("." + s for s in words.settings))
    if words.fresh:
        shutil.rmtree(results.folder)
        os.makedirs(results.folder)
    groups = [group for group in suite.groups()
              if any(fnmatch.fnmatch(group, glob) for glob in words.groups.split(","))]
    own, bad, late = compare.Count(), [], 0
    for number, group in enumerate(groups, 1):
        if deadline and time.monotonic() > deadline:
            late += 1
            continue
        started = time.monotonic()
        bare, loaded, findings = runner.group(suite, group, words.bare_runs or suite.bare_runs,
                                              results)
        steady = [f for f in findings if f.is_steady]
        own.add(bare, loaded, {f.case for f in steady})
        bad += steady
        say(f"  {label} {number}/{len(groups)} {group}: {max(len(loaded[0]) - 1, 0)} cases, "
            f"{time.monotonic() - started:.0f} s")
        for case in compare.flakes(bare):
            say(f"    flaky without the agent: {case}")
        for finding in findings:
            word = "DIFFERS" if finding.is_steady else "differed, but not every time"
            say(f"    {word}: {finding}")
    say(f"{label}: {own.passed} the same, {own.failed} differ, {own.skipped} skip themselves"
        + (f", {late} groups not run: the time was up" if late else ""))
    count.passed += own.passed
    count.failed += own.failed
    count.skipped += own.skipped + late
    return [f"{label} {finding}" for finding in bad]


def chosen(words, archive):
    """(label, suite) of what was asked for."""
    pythons = words.python
    if not pythons and os.environ.get("PYENV"):
        versions = os.path.join(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions")
        pythons = [os.path.join(versions, name, "bin", "python3")
                   for name in sorted(os.listdir(versions)) if name[0] == "3"]
    for name in words.suites or SUITES:
        if name != CPython.name:
            yield name, SUITES[name](words.folder, archive)
            continue
        for python in pythons or [CPython.python]:
            suite = CPython(words.folder, archive)
            suite.python = python
            yield name if python == CPython.python else name + python.replace("/", "_"), suite


def main():
    words = options()
    archive = Archive(os.path.join(words.folder, "archive"))
    count, bad = compare.Count(), []
    deadline = time.monotonic() + 60 * words.minutes if words.minutes else 0
    with leakd.Daemon("[detect]\nprofile = fast\n") as daemon:
        runner = Runner(daemon, dict(s.split("=", 1) for s in words.settings), words.group_seconds,
                        words.folder)
        for label, suite in chosen(words, archive):
            try:
                suite.prepare()
            except Missing as reason:
                say(f"{label}: skipped: {reason}")
                count.skipped += 1
                continue
            bad += run_suite(suite, label, runner, words, count, deadline)
        say(heard(daemon))
        status = daemon.stop()
    for line in bad:
        say(f"failed: {line}")
    if status != 0:
        say(f"failed: leakd ended with {status}")
        count.failed += 1
    say(f"{count.passed} passed, {count.failed} failed, {count.skipped} skipped")
    return 1 if count.failed else 0


def heard(daemon):
    """That the agents were there and spoke well."""
    metrics = daemon.status_of("/metrics")[2]
    frames, refused = (re.search(rf"(?m)^leakd_agent_{name}_total (\d+)", metrics).group(1)
                       for name in ("frames", "connections_refused"))
    dropped = sum(map(int, re.findall(r"(?m)^leakd_agent_frames_dropped_total\S* (\d+)", metrics)))
    return (f"leakd took {frames} frames of agents, dropped {dropped}, refused {refused} connections")


if __name__ == "__main__":
    sys.exit(main())
