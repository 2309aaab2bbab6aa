# SPDX-License-Identifier: MIT
"""Suites that come with the source of a Debian package, run against the installed program."""
import glob
import os
import re
import shutil
import subprocess

from base import FAIL, PASS, SKIP, Suite, need, parse_tap, run_command
from source import Missing


def link(target, name):
    if not os.path.lexists(name):
        os.symlink(target, name)


class Redis(Suite):
    """One server a test file, with the clients the suite starts itself."""

    name = "redis"
    about = "redis' own tests on the installed server"
    bare_runs = 3
    PROGRAMS = ("server", "cli", "benchmark", "check-aof", "check-rdb", "sentinel")
    LINE = re.compile(r"\[(ok|err|skip|ignore|exception|timeout)\]: (.*)")
    COLOR = re.compile(r"\x1b\[[0-9;]*m")
    ports_taken = os.getpid() * 7  # never the same ports twice in a row: they linger

    def prepare(self):
        need(Missing, "redis-server", "redis-cli", "redis-benchmark", "tclsh")
        self.tree = self.archive.tree("redis-server")
        for program in self.PROGRAMS:
            link("/usr/bin/redis-" + program, os.path.join(self.tree, "src", "redis-" + program))

    def groups(self):
        with open(os.path.join(self.tree, "tests/test_helper.tcl"), encoding="utf-8") as file:
            body = re.search(r"set ::all_tests \{(.*?)\n\}", file.read(), re.S).group(1)
        return [name for name in body.split() if "moduleapi" not in name]

    def run(self, group, env, seconds, scratch):
        here = os.path.join(scratch, "redis")
        shutil.copytree(self.tree, here, symlinks=True)
        self.ports_taken += 1
        first = 12000 + self.ports_taken * 150 % 9000  # with 10000 added still not an ephemeral one
        ended = run_command(["./runtest", "--single", group, "--clients", "1", "--timeout",
                             str(int(seconds)), "--baseport", str(first)], env, seconds, here)
        return ended, self.cases(ended.text)

    def cases(self, text):
        """What integration/psync2 does is drawn by lot, for so many seconds: its cases are told apart by
        what they are about, and one that fails once has failed."""
        cases, seen = {}, {}
        for kind, line in self.LINE.findall(self.COLOR.sub("", text)):
            name = re.sub(r" \(\d+ ms\)$| in tests/.*$|: .*expected.*$", "", line)
            name = re.sub(r"\d{4,}|0x[0-9a-f]+", "N", name)
            result = {"ok": PASS, "skip": SKIP, "ignore": SKIP}.get(kind, FAIL)
            if name.startswith("PSYNC2: "):
                name = re.sub(r"(#|CYCLE )\d+", r"\1N", name)
                result = max(result, cases.get(name, PASS), key=(PASS, SKIP, FAIL).index)
            else:
                seen[name] = seen.get(name, 0) + 1
                name += f" ({seen[name]})" if seen[name] > 1 else ""
            cases[name] = result
        return cases


class Tcl(Suite):
    name = "tcl"
    about = "Tcl's own tests on the installed tclsh"
    LINE = re.compile(r"^(?:\+\+\+\+|====) (\S+) .*?(PASSED|SKIPPED|FAILED)", re.M)

    def prepare(self):
        need(Missing, "tclsh8.6")
        self.tree = self.archive.tree("tcl8.6")

    def groups(self):
        names = sorted(os.path.basename(path)
                       for path in glob.glob(os.path.join(self.tree, "tests/*.test")))
        if not names:
            raise Missing("the source of tcl8.6 holds no tests")
        return names

    def run(self, group, env, seconds, scratch):
        here = os.path.join(scratch, "tests")
        shutil.copytree(os.path.join(self.tree, "tests"), here)
        link(os.path.join(self.tree, "library"), os.path.join(scratch, "library"))
        ended = run_command(["tclsh8.6", group, "-verbose", "pass skip error", "-tmpdir", scratch],
                            env, seconds, here)
        words = {"PASSED": PASS, "SKIPPED": SKIP, "FAILED": FAIL}
        cases = {}
        for name, word in self.LINE.findall(ended.text):
            if cases.get(name) != FAIL:
                cases[name] = words[word]
        return ended, cases


class Perl(Suite):
    """The files of the core's t/, with the installed library in the place of the built one."""

    name = "perl"
    about = "perl's own core tests on the installed perl"
    ROOMS = ("base", "cmd", "comp", "io", "re", "uni", "mro", "op", "lib", "class", "opbasic")

    def prepare(self):
        need(Missing, "perl")
        self.tree = self.archive.tree("perl")
        config = subprocess.run(
            ["perl", "-MConfig", "-e", "print join ' ', @Config{qw(archlib privlib)}"],
            capture_output=True, text=True, check=True)
        self.library = os.path.join(self.folder, "perl-lib")
        if not os.path.isdir(self.library):
            built = self.library + ".new"
            shutil.rmtree(built, ignore_errors=True)
            for place in (os.path.join(self.tree, "lib"), "/usr/lib/x86_64-linux-gnu/perl-base",
                          *reversed(config.stdout.split())):
                if os.path.isdir(place):
                    shutil.copytree(place, built, dirs_exist_ok=True)
            os.rename(built, self.library)
        self.work = os.path.join(self.folder, "perl-work")
        if not os.path.isdir(self.work):
            shutil.copytree(os.path.join(self.tree, "t"), self.work + "/t", symlinks=True)
            link(self.library, os.path.join(self.work, "lib"))
            link(shutil.which("perl"), os.path.join(self.work, "t", "perl"))

    def groups(self):
        return sorted(os.path.relpath(path, os.path.join(self.tree, "t"))
                      for room in self.ROOMS
                      for path in glob.glob(os.path.join(self.tree, "t", room, "*.t")))

    def run(self, group, env, seconds, scratch):
        env = {k: v for k, v in env.items() if not k.startswith("PERL")}
        env.update(PERL_CORE="1", TMPDIR=scratch)
        ended = run_command(["./perl", "-I../lib", group], env, seconds,
                            os.path.join(self.work, "t"))
        return ended, parse_tap(ended.text)


class Git(Suite):
    """Scripts of t/ with GIT_TEST_INSTALLED; git's own helper for tests is built first."""

    name = "git"
    about = "git's own tests on the installed git"
    bare_runs = 1
    BUILD = ["make", "-j2", "NO_OPENSSL=1", "NO_CURL=1", "NO_EXPAT=1", "NO_GETTEXT=1",
             "NO_TCLTK=1", "NO_PYTHON=1", "CFLAGS=-O1", "t/helper/test-tool", "GIT-BUILD-OPTIONS"]

    def prepare(self):
        need(Missing, "git", "make", "cc", "perl")
        self.tree = self.archive.tree("git")
        for made, command in (("t/helper/test-tool", self.BUILD),
                              ("templates/blt", ["make", "-C", "templates"])):
            if os.path.exists(os.path.join(self.tree, made)):
                continue
            done = subprocess.run(command, cwd=self.tree, capture_output=True, text=True,
                                  check=False)
            if done.returncode != 0:
                raise Missing("git's helper for tests did not build: " + done.stderr[-200:])

    def groups(self):
        return sorted(os.path.basename(path)
                      for path in glob.glob(os.path.join(self.tree, "t/t[0-3]*.sh")))

    def run(self, group, env, seconds, scratch):
        env = {k: v for k, v in env.items() if not k.startswith("GIT_")}
        env.update(GIT_TEST_INSTALLED="/usr/bin", TEST_NO_MALLOC_CHECK="1")
        ended = run_command(["./" + group, "--root=" + scratch], env, seconds,
                            os.path.join(self.tree, "t"))
        return ended, parse_tap(ended.text)


class StressNg(Suite):
    """A case is a stressor that checks its own work; its exit status is its result."""

    name = "stress-ng"
    about = "stress-ng's stressors with --verify"
    # Not those that take all the memory of the machine.
    STRESSORS = (
        "malloc fork vfork vforkmany clone exec daemon signal sigabrt sigchld sigfd sigfpe sigio "
        "signest sigpending sigpipe sigq sigrt sigsegv sigsuspend sigtrap sigxcpu sigxfsz pthread "
        "mmap mmapaddr mmapfixed mmaphuge mmapmany mremap munmap mlock mlockmany bsearch qsort "
        "heapsort mergesort radixsort shellsort hsearch lsearch tsearch tree skiplist list jpeg zlib "
        "str wcs memcpy memfd memthrash memrate stackmmap vm vm-segv vm-splice "
        "zombie wait kill nanosleep context longjmp full pipe pipeherd sem sem-sysv shm shm-sysv msg mq "
        "futex atomic mutex eventfd poll epoll fifo dup env getdent close rlimit resources prctl "
        "procfs dynlib regs tlb-shootdown madvise mincore msync userfaultfd secretmem session "
        "spawn switch yield itimer timer alarm hrtimers schedpolicy sock sockpair udp seccomp").split()

    def prepare(self):
        need(Missing, "stress-ng")
        listed = subprocess.run(["stress-ng", "--stressors"], capture_output=True, text=True,
                                check=True).stdout.split()
        self.known = [name for name in dict.fromkeys(self.STRESSORS) if name in listed]

    def groups(self):
        return self.known

    def run(self, group, env, seconds, scratch):
        argv = ["stress-ng", "--" + group, "1", "--verify", "--timeout", "1s", "--oomable",
                "--vm-bytes", "64M", "--mmap-bytes", "64M",
                "--temp-path", scratch]
        ended = run_command(argv, env, seconds, scratch)
        skipped = re.search(r"skipp|not implemented|unsupported", ended.text, re.I)
        status = "fail" if ended.status is None else str(ended.status)
        return ended, {"verified": SKIP if skipped and ended.status in (0, 3, 4) else
                       PASS if ended.status == 0 else f"{FAIL} {status}"}
