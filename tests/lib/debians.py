# SPDX-License-Identifier: MIT
"""CPythons and C libraries of newer Debians, for tests on this one: packages as their suites have
them today, unpacked into a folder, with programs told to use the loader and the libraries there.
Nothing of the machine is changed, and nobody needs to be root. `python3 debians.py` fetches all and
prints the interpreters, one a line."""
import glob
import os
import re
import shutil
import subprocess
import sys

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


class Missing(Exception):
    """Why a suite's programs cannot be had on this machine."""


def run(command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise Missing(f"{command[0]} said: {(done.stderr or done.stdout).strip()[-200:]}")
    return done.stdout


def archive():
    """The address of Debian's archive that this machine's apt uses."""
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"]).split()
    found = [uri for uri in listed if uri.rstrip("/").endswith("/debian")]
    if not found:
        raise Missing("apt knows no archive of Debian")
    return found[0]


class Debian:
    """One suite. kind: "static" or "shared" interpreters."""

    def __init__(self, suite, kind, folder=FOLDER):
        self.suite, self.kind = suite, kind
        self.folder = os.path.join(folder, suite)
        self.root = os.path.join(self.folder, "root")

    # ---- packages -----------------------------------------------------------------------------

    def options(self):
        places = {"Dir::Etc::sourcelist": "suite.sources", "Dir::State::Lists": "lists",
                  "Dir::Cache": "cache", "Dir::State::status": "status"}
        words = ["-o", "APT::Sandbox::User=" + ("root" if os.geteuid() == 0 else ""),
                 "-o", "Dir::Etc::sourceparts=/dev/null", "-o", "Dir::Etc::preferencesparts=/dev/null",
                 "-o", "APT::Install-Recommends=false", "-o", "Debug::NoLocking=1"]
        for key, place in places.items():
            words += ["-o", f"{key}={os.path.join(self.folder, place)}"]
        return words

    def update(self):
        for place in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(self.folder, place), exist_ok=True)
        with open(os.path.join(self.folder, "suite.sources"), "w", encoding="utf-8") as file:
            file.write(f"Types: deb\nURIs: {archive()}\nSuites: {self.suite}\nComponents: main\n"
                       f"Signed-By: {KEYS}\n")
        with open(os.path.join(self.folder, "status"), "w", encoding="utf-8"):
            pass  # nothing is installed there
        run(["apt-get", *self.options(), "update"])

    def minors(self):
        names = run(["apt-cache", *self.options(), "pkgnames", "python3."]).split()
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

    def unpack(self):
        """Fetches and unpacks what is not there yet. Raises Missing."""
        done = os.path.join(self.folder, "done")
        if os.path.exists(done):
            return
        for program in ("apt-get", "dpkg-deb", "patchelf", "gcc"):
            if not shutil.which(program):
                raise Missing(f"no {program}")
        self.update()
        run(["apt-get", *self.options(), "--yes", "--download-only", "install", *self.packages()])
        shutil.rmtree(self.root, ignore_errors=True)
        for place in ("bin", "lib", "lib64", "sbin"):
            os.makedirs(os.path.join(self.root, "usr", place))
            os.symlink("usr/" + place, os.path.join(self.root, place))
        for package in sorted(glob.glob(os.path.join(self.folder, "cache/archives/*.deb"))):
            run(["dpkg-deb", "-x", package, self.root])
        for path in glob.glob(os.path.join(self.root, "usr/bin/python3.[0-9]*")):
            self.adopt(path)
        if self.kind == "shared":
            self.make_launchers()
        for path in self.interpreters():
            self.compile_library(path)
        for place in ("cache", "lists"):
            shutil.rmtree(os.path.join(self.folder, place))
        with open(done, "w", encoding="utf-8"):
            pass

    # ---- programs -----------------------------------------------------------------------------

    def can_run(self, program):
        """A dynamic program all whose libraries are there."""
        asked = [subprocess.run(["patchelf", word, program], capture_output=True, text=True,
                                check=False) for word in ("--print-interpreter", "--print-needed")]
        return all(a.returncode == 0 for a in asked) and all(
            os.path.exists(os.path.join(self.root, LIBRARIES, name))
            for name in asked[1].stdout.split())

    def adopt(self, program, *libraries):
        """Tells a program to use this Debian's loader and libraries; first looked for are those in
        the folders given."""
        path = ":".join([*libraries, os.path.join(self.root, LIBRARIES)])
        run(["patchelf", "--set-interpreter", os.path.join(self.root, LOADER), "--force-rpath",
             "--set-rpath", path, program])

    def make_launchers(self):
        source = os.path.join(self.folder, "launcher.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(LAUNCHER)
        for library in glob.glob(os.path.join(self.root, LIBRARIES, "libpython3.*.so.1.0")):
            minor = re.search(r"libpython(3\.\d+)\.so", library).group(1)
            program = os.path.join(self.root, "usr/bin/python" + minor)
            run(["gcc", "-o", program, source, library, "-Wl,--allow-shlib-undefined"])
            self.adopt(program)

    @staticmethod
    def compile_library(python):
        """As the package's installation would: a program that compiles what it imports has other
        sites than one that does not."""
        subprocess.run([python, "-c", "import compileall, os; compileall.compile_dir("
                        "os.path.dirname(os.__file__), quiet=2, workers=2, "
                        "rx=__import__('re').compile('/test/'))"],
                       stdin=subprocess.DEVNULL, capture_output=True, check=False)

    def interpreters(self):
        """Of those, the agent knows all but one that is too new."""
        return sorted(glob.glob(os.path.join(self.root, "usr/bin/python3.[0-9][0-9]")))

    def libc(self):
        return os.path.realpath(os.path.join(self.root, LIBRARIES, "libc.so.6"))

    def libc_version(self):
        with open(self.libc(), "rb") as file:
            return re.search(rb"GNU C Library \(.*?\) \w+ release version ([0-9.]+[0-9])",
                             file.read()).group(1).decode()


def all_of_them(say=lambda text: None):
    """The Debians that can be had; say hears why another cannot."""
    found = []
    for suite, kind in SUITES.items():
        debian = Debian(suite, kind)
        try:
            debian.unpack()
            found.append(debian)
        except Missing as missing:
            say(f"no Debian {suite}: {missing}")
    return found


def main():
    for debian in all_of_them(lambda text: print(text, file=sys.stderr)):
        print(*debian.interpreters(), sep="\n")


if __name__ == "__main__":
    main()
