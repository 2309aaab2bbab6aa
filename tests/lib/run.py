# SPDX-License-Identifier: MIT
"""tests/run after the packages are there: builds, runs every step, adds up the TAP of all."""
import glob
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import debians

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = "/usr/bin/python3"
LONG = "--long" in sys.argv
BUILDS = {
    # name: compiler, sanitizers, other options
    "asan": ("gcc", "address,undefined", ["-DLEAKD_WEB=ON"]),
    "clang": ("clang", "address,undefined", ["-DLEAKD_WEB=OFF"]),
    "tsan": ("clang", "thread", ["-DLEAKD_WEB=OFF"]),
    "plain": ("gcc", "", ["-DLEAKD_WEB=ON"]),
}
# What mostly waits runs two at a time, the longest first.
AT_ONCE = 2
SLOW = ("test_whole_path.py", "test_durability.py")
TELLING = threading.Lock()
TAP = re.compile(r"^\s*(not )?ok\b(.*)$")


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.bad = []

    def add_node(self, step, lines):
        """node counts leaves in its summary; its TAP lines hold suites as well."""
        for line in lines:
            match = re.match(r"^\s*not ok \d+ - (.*)", line)
            if match:
                self.bad.append(f"{step}: {match.group(1)}")
            match = re.match(r"^# (pass|fail|cancelled|skipped|todo) (\d+)$", line)
            if match:
                word, count = match.group(1), int(match.group(2))
                self.passed += count if word == "pass" else 0
                self.failed += count if word in ("fail", "cancelled") else 0
                self.skipped += count if word in ("skipped", "todo") else 0

    def add_all(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.bad += other.bad

    def add(self, step, line):
        match = TAP.match(line)
        if not match:
            return
        if re.search(r"#\s*SKIP\b", match.group(2), re.I):
            self.skipped += 1
        elif match.group(1):
            self.failed += 1
            self.bad.append(f"{step}:{match.group(2)}")
        else:
            self.passed += 1


def folder(build):
    return os.path.join(ROOT, "build", build)


def say(text):
    print(text, flush=True)


def run(tally, step, command, env=None, timeout=1200, cwd=ROOT, tap=True):
    """Streams a command; its TAP lines are counted (tap="node": node's summary), or, with
    tap=False, its exit status is."""
    started = time.monotonic()
    own = Tally()
    lines = []
    process = subprocess.Popen(command, cwd=cwd, env=dict(os.environ, **(env or {})),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace",
                               start_new_session=True)
    # The session: what is in a group of its own goes too.
    watchdog = subprocess.Popen(["sh", "-c", f"sleep {timeout}; pkill -KILL -s {process.pid}"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                start_new_session=True)
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if tap is True:
            own.add(step, line)
    status = process.wait()
    os.killpg(watchdog.pid, 9)
    watchdog.wait()
    if tap == "node":
        own.add_node(step, lines)
    if not tap:
        own.add(step, ("ok" if status == 0 else "not ok") + f" - {step}")
    elif status != 0 and own.failed == 0:
        own.add(step, f"not ok - {step} ended with {status}")
    elif own.passed + own.failed + own.skipped == 0:
        own.add(step, f"not ok - {step} ran no test")
    with TELLING:
        tell(step, own, lines, time.monotonic() - started)
        tally.add_all(own)
    return own.failed == 0


def tell(step, own, lines, seconds):
    say(f"{'FAILED' if own.failed else 'ok':>6}  {step}  ({seconds:.0f} s)")
    for line in lines[-200:] if own.failed else lines:
        if own.failed or re.search(r"#\s*SKIP\b", line, re.I):
            say("        " + (line if own.failed else line.strip()))


def at_once(jobs):
    """Calls every job; two run at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def build(tally, name):
    compiler, sanitize, options = BUILDS[name]
    command = (f"cmake -S . -B build/{name} -G Ninja -DCMAKE_C_COMPILER={compiler} "
               f"-DLEAKD_SANITIZE={sanitize} {' '.join(options)} >build/{name}.log 2>&1 "
               f"&& ninja -C build/{name} >>build/{name}.log 2>&1 "
               f"|| {{ tail -60 build/{name}.log; exit 1; }}")
    os.makedirs(os.path.join(ROOT, "build"), exist_ok=True)
    return run(tally, f"build with {compiler}, sanitizers: {sanitize or 'none'}",
               ["sh", "-c", command], tap=False)


def unit(tally, name, pattern="test_*"):
    for program in sorted(glob.glob(os.path.join(folder(name), "unit", pattern))):
        if program.endswith(".tap"):  # of the run before
            continue
        tap_file = program + ".tap"
        if os.path.exists(tap_file):
            os.unlink(tap_file)
        # Check writes TAP to a file; the program's own output is for the failure report. What a case
        # says goes through a file in the temporary folder: when that stays empty ("Error in call to
        # punpack"), the disk is full, or the case was killed before its first word.
        command = (f'"{program}"; status=$?; cat "{tap_file}" 2>/dev/null; '
                   '[ $status -le 1 ] || df -P "${TEMP:-/tmp}"; exit $status')
        run(tally, f"unit {name}: {os.path.basename(program)}", ["sh", "-c", command],
            env={"CK_TAP_LOG_FILE_NAME": tap_file, "CK_VERBOSITY": "silent",
                 "CK_DEFAULT_TIMEOUT": "60", "LEAKD_BUILD": folder(name),
                 "LEAKD_LONG": "1" if LONG else "", "UBSAN_OPTIONS": "print_stacktrace=1"},
            timeout=7200 if LONG else 300)


def fuzz_one(tally, program, seconds):
    name = os.path.basename(program)
    work = os.path.join(folder("clang"), "fuzz", "corpus", name)
    os.makedirs(work, exist_ok=True)
    seeds = os.path.join(ROOT, "tests", "fuzz", "corpus", name)
    command = [program, f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=10",
               "-print_final_stats=1", work]
    if os.path.isdir(seeds):
        command.append(seeds)
    run(tally, f"fuzz {name}, {seconds} s", command, tap=False,
        env={"ASAN_OPTIONS": "detect_leaks=1"}, cwd=work)


def fuzz(tally):
    seconds = 300 if LONG else 8
    programs = [path for path in sorted(glob.glob(os.path.join(folder("clang"), "fuzz", "fuzz_*")))
                if os.path.isfile(path) and os.access(path, os.X_OK)]
    at_once([lambda path=path: fuzz_one(tally, path, seconds) for path in programs])


def python_file(tally, step, path, build_name, timeout):
    run(tally, f"{step}: {os.path.basename(path)}", [PYTHON, "tests/lib/tap.py", path],
        env={"LEAKD_BUILD": folder(build_name), "PYTHONDONTWRITEBYTECODE": "1",
             "LEAKD_LONG": "1" if LONG else ""}, timeout=timeout)


def python_files(tally, step, pattern, build_name="asan", timeout=1200):
    paths = sorted(glob.glob(os.path.join(ROOT, pattern)),
                   key=lambda path: (os.path.basename(path) not in SLOW, path))
    at_once([lambda path=path: python_file(tally, step, path, build_name, timeout)
             for path in paths])


def pythons(tally):
    """Interpreters that this Debian does not have, for the steps that follow."""
    started = time.monotonic()
    own, lines = Tally(), []

    def missing(text):
        lines.append(f"ok - {text} # SKIP it cannot be had here")

    paths = []
    for debian in debians.all_of_them(missing):
        paths += debian.interpreters()
        if not debian.interpreters():
            missing(f"no CPython in {debian.versions()}")
    lines += [f"ok - {os.path.relpath(path, ROOT)} is there" for path in paths]
    for line in lines:
        own.add("pythons", line)
    os.environ["LEAKD_PYTHONS"] = ":".join([*paths, os.environ.get("LEAKD_PYTHONS", "")])
    tell("pythons of newer Debians", own, lines, time.monotonic() - started)
    tally.add_all(own)


def lint(tally):
    for script in sorted(glob.glob(os.path.join(ROOT, "tests", "lint", "*.sh"))):
        run(tally, f"lint: {os.path.basename(script)}", ["sh", script],
            env={"LEAKD_BUILD": folder("plain")})


def browser(tally):
    where = os.path.join(ROOT, "tests", "browser")
    if not os.path.exists(os.path.join(where, "package.json")):
        return
    if not shutil.which("chromium"):
        tally.add("browser", "ok - browser # SKIP no chromium on this machine")
        return
    if not run(tally, "browser: npm ci",
               ["sh", "-c", "cmp -s package-lock.json node_modules/.lock-installed || "
                "{ npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && "
                "cp package-lock.json node_modules/.lock-installed; }"],
               tap=False, cwd=where, env={"PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1"}):
        return
    for path in sorted(glob.glob(os.path.join(where, "*.test.mjs"))):
        run(tally, f"browser: {os.path.basename(path)}",
            ["node", "--test", "--test-reporter=tap", path],
            env={"LEAKD_BUILD": folder("plain"), "LEAKD_LONG": "1" if LONG else "",
                 "LEAKD_PAGE": os.path.join(folder("plain"), "web", "page")},
            cwd=where, timeout=7200 if LONG else 600, tap="node")


def steps(tally):
    yield "build", lambda: [build(tally, name) for name in BUILDS]
    yield "lint", lambda: lint(tally)
    yield "unit", lambda: (unit(tally, "asan"), unit(tally, "clang"),
                           *(unit(tally, "tsan", f"test_{name}")
                             for name in ("core", "live", "pool", "stack", "sampler", "unwind_cache")))
    yield "fuzz", lambda: fuzz(tally)
    yield "replay", lambda: python_files(tally, "replay", "tests/replay/test_*.py", "plain")
    yield "pythons", lambda: pythons(tally)
    yield "system", lambda: python_files(tally, "system", "tests/system/test_*.py", "asan",
                                           timeout=7200 if LONG else 1200)
    yield "browser", lambda: browser(tally)


def main():
    tally = Tally()
    wanted = [word for word in sys.argv[1:] if not word.startswith("--")]
    for name, step in steps(tally):
        if name in wanted or (not wanted and (LONG or name != "pythons")):
            step()
    started = int(os.environ.get("LEAKD_TESTS_STARTED", time.time()))
    for bad in tally.bad:
        say(f"failed: {bad}")
    say(f"took {int(time.time()) - started} s")
    say(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
