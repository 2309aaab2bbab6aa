# SPDX-License-Identifier: MIT
"""CPythons and C libraries of newer Debians, for tests on this one: packages as their suites have
them today, unpacked into a folder, with programs told to use the loader and the libraries there.
Nothing of the machine is changed, and nobody needs to be root. `python3 debians.py` fetches all and
prints the interpreters, one a line."""
import fcntl
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pythons

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "build", "debians")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
LOADER = "lib64/ld-linux-x86-64.so.2"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
OLDEST_MINOR = 13  # older ones are elsewhere
UNKNOWN_MINOR = pythons.NEWEST[1] + 1

# What is taken of each: programs as Debian builds them, or its shared library under a small launcher.
SUITES = {"trixie": "static", "forky": "shared", "sid": "static"}

LAUNCHER = """
int Py_BytesMain(int argc, char **argv);
int main(int argc, char **argv) { return Py_BytesMain(argc, argv); }
"""


# apt's own hooks and folders are the machine's: none of its configuration is read but how the
# archive is reached, and how old it may be (one that stands still needs that).
APT_KEPT = re.compile(r'(?m)^Acquire::(?:\S*Proxy\S*|Check-Valid-Until|Check-Date) ".*";$')
APT_CONF = """
Dir::Etc::main "/dev/null";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "{folder}/suite.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{folder}";
Dir::State::Lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Log "{folder}";
APT::Sandbox::User "{user}";
APT::Install-Recommends "false";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::http::Timeout "10";
Acquire::https::Timeout "10";
Debug::NoLocking "1";
"""

# How long each may take. Without a network the machine says so before UPDATE_SECONDS, once for all.
UPDATE_SECONDS = 50
ALL_SECONDS = 1800
SILENCE = re.compile("did not end|timed out|Connection failed|Could not (connect|resolve)|Temporary failure")
PROGRAM_SECONDS = 5  # one that only reads or edits a file


class Missing(Exception):
    """Why a suite's programs cannot be had on this machine."""


class Unreachable(Missing):
    """The same for every suite: the archive does not answer."""


def bounded(command, seconds, **options):
    """As subprocess.run(), but when it takes longer its whole process group is killed. It stays in
    the session, so that who started this one can end all. Raises subprocess.TimeoutExpired."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          errors="replace", process_group=0, **options) as process:
        try:
            out, err = process.communicate(timeout=max(seconds, 0))
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def run(command, seconds=PROGRAM_SECONDS, **options):
    """What it prints. Raises Missing, in one line, as a reason to skip."""
    try:
        done = bounded(command, seconds, stderr=subprocess.PIPE, **options)
    except subprocess.TimeoutExpired as late:
        raise Missing(f"{command[0]} did not end within {max(seconds, 0):.0f} s") from late
    if done.returncode != 0:
        said = done.stderr or done.stdout
        errors = re.findall(r"(?m)^E: .*", said) or [said]
        raise Missing(f"{command[0]} said: {' '.join(errors[0].split())[-300:]}")
    return done.stdout


def archive():
    """The address of Debian's archive that this machine's apt uses."""
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"], seconds=20).split()
    found = [uri for uri in listed if uri.rstrip("/").endswith("/debian")]
    if not found:
        raise Missing("apt knows no archive of Debian")
    return found[0]


class Debian:
    """One suite. kind: "static" or "shared" interpreters. until: time.monotonic() at which unpack()
    gives up, ALL_SECONDS from now if not given."""

    def __init__(self, suite, kind, folder=FOLDER, until=None):
        self.suite, self.kind = suite, kind
        self.until = until or time.monotonic() + ALL_SECONDS
        self.folder = os.path.join(folder, suite)
        self.root = os.path.join(self.folder, "root")

    # ---- packages -----------------------------------------------------------------------------

    def left(self, seconds=ALL_SECONDS):
        return min(seconds, self.until - time.monotonic())

    def apt(self, *command, seconds=ALL_SECONDS):
        env = dict(os.environ, APT_CONFIG=os.path.join(self.folder, "apt.conf"))
        return run(command, self.left(seconds), env=env)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def configure(self):
        for place in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(self.folder, place))
        kept = APT_KEPT.findall(run(["apt-config", "dump"]))
        conf = APT_CONF.format(folder=self.folder, user="root" if os.geteuid() == 0 else "")
        self.write("apt.conf", conf + "\n".join(kept) + "\n")
        self.write("suite.sources", f"Types: deb\nURIs: {archive()}\nSuites: {self.suite}\n"
                                    f"Components: main\nSigned-By: {KEYS}\n")
        self.write("status", "")  # nothing is installed there

    def update(self):
        """Raises Unreachable when nothing answers, Missing when the archive has no such suite."""
        try:
            self.apt("apt-get", "update", seconds=UPDATE_SECONDS)
        except Missing as missing:
            if SILENCE.search(str(missing)):
                raise Unreachable(f"no network: {missing}") from missing
            raise

    def minors(self):
        names = self.apt("apt-cache", "pkgnames", "python3.").split()
        found = {int(match.group(1)) for match in map(re.compile(r"python3\.(\d+)$").match, names)
                 if match}
        return sorted(minor for minor in found if OLDEST_MINOR <= minor <= UNKNOWN_MINOR)

    def packages(self):
        wanted = ["libc6", "libstdc++6"]
        for minor in self.minors():
            if self.kind == "static":
                wanted.append(f"python3.{minor}")
                if minor == pythons.NEWEST[1]:
                    wanted.append(f"libpython3.{minor}-testsuite")  # for tests/run --suites
            elif minor < UNKNOWN_MINOR:
                wanted += [f"libpython3.{minor}", f"libpython3.{minor}-stdlib"]
        return wanted

    def unpack(self, unreachable=None):
        """Fetches and unpacks what is not there yet; of several at a time one does. unreachable:
        what another suite met, not tried again. Raises Missing."""
        if os.path.exists(os.path.join(self.folder, "done")):
            return
        if unreachable:
            raise unreachable
        for program in ("apt-get", "dpkg-deb", "patchelf", "gcc"):
            if not shutil.which(program):
                raise Missing(f"no {program}")
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, "lock"), "w", encoding="utf-8") as lock:
            self.take(lock)
            if not os.path.exists(os.path.join(self.folder, "done")):
                self.empty("lists", "cache", "root")  # what an aborted attempt left
                self.unpack_alone()
                self.empty("lists", "cache")
                self.write("done", "")

    def take(self, lock):
        """Waits for the lock; the kernel gives back that of one who died."""
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self.left() <= 0:
                    raise Missing(f"another process holds {lock.name}") from None
                time.sleep(0.2)

    def empty(self, *places):
        for place in places:
            if os.path.exists(os.path.join(self.folder, place)):
                shutil.rmtree(os.path.join(self.folder, place))

    def unpack_alone(self):
        self.configure()
        self.update()
        self.apt("apt-get", "--yes", "--download-only", "install", *self.packages())
        for place in ("bin", "lib", "lib64", "sbin"):
            os.makedirs(os.path.join(self.root, "usr", place))
            os.symlink("usr/" + place, os.path.join(self.root, place))
        for package in sorted(glob.glob(os.path.join(self.folder, "cache/archives/*.deb"))):
            run(["dpkg-deb", "-x", package, self.root], self.left())
        for path in glob.glob(os.path.join(self.root, "usr/bin/python3.[0-9]*")):
            self.adopt(path)
        if self.kind == "shared":
            self.make_launchers()
        for path in self.interpreters():
            self.compile_library(path)

    # ---- programs -----------------------------------------------------------------------------

    @staticmethod
    def is_dynamic(program):
        """A program, no library, and not linked statically."""
        return bounded(["patchelf", "--print-interpreter", program], PROGRAM_SECONDS,
                       stderr=subprocess.DEVNULL).returncode == 0

    def lacks(self, program, *libraries):
        """The libraries that a dynamic program needs and neither this Debian nor the folders have."""
        places = [*libraries, os.path.join(self.root, LIBRARIES)]
        return [name for name in run(["patchelf", "--print-needed", program]).split()
                if not any(os.path.exists(os.path.join(place, name)) for place in places)]

    def adopt(self, program, *libraries):
        """Tells a program to use this Debian's loader and libraries; first looked for are those in
        the folders given."""
        path = ":".join([*libraries, os.path.join(self.root, LIBRARIES)])
        run(["patchelf", "--set-interpreter", os.path.join(self.root, LOADER), "--force-rpath",
             "--set-rpath", path, program])

    def make_launchers(self):
        source = os.path.join(self.folder, "launcher.c")
        self.write("launcher.c", LAUNCHER)
        for library in glob.glob(os.path.join(self.root, LIBRARIES, "libpython3.*.so.1.0")):
            minor = re.search(r"libpython(3\.\d+)\.so", library).group(1)
            program = os.path.join(self.root, "usr/bin/python" + minor)
            run(["gcc", "-o", program, source, library, "-Wl,--allow-shlib-undefined"], self.left())
            self.adopt(program)

    def compile_library(self, python):
        """As the package's installation would: a program that compiles what it imports has other
        sites than one that does not."""
        run([python, "-c", "import compileall, os; compileall.compile_dir("
             "os.path.dirname(os.__file__), quiet=2, workers=2, "
             "rx=__import__('re').compile('/test/'))"], self.left())

    def interpreters(self):
        """Of those, the agent knows all but one that is too new."""
        return sorted(glob.glob(os.path.join(self.root, "usr/bin/python3.[0-9][0-9]")))

    def versions(self):
        return f"Debian {self.suite} between 3.{OLDEST_MINOR} and 3.{UNKNOWN_MINOR}"

    def libc(self):
        return os.path.realpath(os.path.join(self.root, LIBRARIES, "libc.so.6"))

    def libc_version(self):
        with open(self.libc(), "rb") as file:
            return re.search(rb"GNU C Library \(.*?\) \w+ release version ([0-9.]+[0-9])",
                             file.read()).group(1).decode()


def all_of_them(say=lambda text: None):
    """The Debians that can be had, within ALL_SECONDS; say hears why another cannot."""
    found, unreachable = [], None
    until = time.monotonic() + ALL_SECONDS
    for suite, kind in SUITES.items():
        debian = Debian(suite, kind, until=until)
        try:
            debian.unpack(unreachable)
            found.append(debian)
        except Missing as missing:
            say(f"no Debian {suite}: {missing}")
            unreachable = missing if isinstance(missing, Unreachable) else unreachable
    return found


def main():
    for debian in all_of_them(lambda text: print(text, file=sys.stderr)):
        print(*debian.interpreters(), sep="\n")


if __name__ == "__main__":
    main()
