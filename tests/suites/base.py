# SPDX-License-Identifier: MIT
"""What a suite is: groups of test cases that run on their own, each giving {case: result}."""
import os
import re
import shutil
import signal
import subprocess
import tempfile

PASS, FAIL, SKIP = "pass", "fail", "skip"

TAP = re.compile(r"^\s*(not )?ok\b\s*(\d+)?\s*(?:-\s*)?(.*)$")


class Ended:
    """How a command ended: status (None: the time was up) and what it printed."""

    def __init__(self, status, text):
        self.status, self.text = status, text

    @property
    def result(self):
        return PASS if self.status == 0 else FAIL


def end_session(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run_command(argv, env, seconds, cwd):
    """Runs argv in a session of its own, output into a file: a child that outlives it must not
    keep us waiting. Whatever it leaves running in its session is killed."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            end_session(process)
            process.wait()
        output.seek(0)
        return Ended(status, output.read().decode(errors="replace"))


def parse_tap(text):
    """Cases by their numbers: descriptions hold times and addresses."""
    cases = {}
    for line in text.splitlines():
        match = TAP.match(line)
        if not match:
            continue
        failed, number, rest = match.groups()
        name = f"#{number or len(cases) + 1}"
        if re.search(r"#\s*skip", rest, re.I):
            cases[name] = SKIP
        elif re.search(r"#\s*todo", rest, re.I):
            cases[name] = "todo " + (FAIL if failed else PASS)
        else:
            cases[name] = FAIL if failed else PASS
    return cases


class Suite:
    """bare_runs: how often the bare program runs before the loaded one; long suites run bare once,
    and again only where something differs."""

    name = about = ""
    bare_runs = 3

    def __init__(self, folder, archive):
        self.folder, self.archive = folder, archive

    def prepare(self):
        """Gets what is needed; raises source.Missing."""

    def groups(self):
        """Names of groups, in the order in which they run."""
        raise NotImplementedError

    def run(self, group, env, seconds, scratch):
        """Runs one group in the empty folder scratch; returns (Ended, {case: result})."""
        raise NotImplementedError


def need(missing, *commands):
    for command in commands:
        if not shutil.which(command):
            raise missing(f"no {command} on this machine")
