# SPDX-License-Identifier: MIT
"""What `cmake --install` puts where, and whether systemd, man and bash are content with it."""
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon import BUILD, ROOT  # noqa: E402

EXPOSURE_MAX = 1.5


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} gave {done.returncode}:\n{done.stdout}")
    return done.stdout


def cached(name):
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as cache:
        return re.search(rf"^{name}:\w+=(.*)$", cache.read(), re.M).group(1)


class Stage:
    """conf/ installed for a prefix into a folder of its own."""

    def __init__(self, prefix):
        self.folder = tempfile.mkdtemp(prefix="leakd-test-")
        self.root = os.path.join(self.folder, "root")
        self.build = os.path.join(self.folder, "build")
        run("cmake", "-S", ROOT, "-B", self.build, f"-DCMAKE_INSTALL_PREFIX={prefix}",
            "-DLEAKD_WEB=OFF", "-DLEAKD_TESTS=OFF", "-DCMAKE_C_COMPILER=" +
            cached("CMAKE_C_COMPILER"))
        run("cmake", "--build", self.build, "--target", "man_pages")
        self.install()

    def install(self):
        return run("cmake", "-P", os.path.join(self.build, "conf", "cmake_install.cmake"),
                   env={**os.environ, "DESTDIR": self.root})

    def path(self, name):
        return os.path.join(self.root, name.lstrip("/"))

    def read(self, name):
        opener = gzip.open if name.endswith(".gz") else open
        with opener(self.path(name), "rt", encoding="utf-8") as file:
            return file.read()

    def close(self):
        shutil.rmtree(self.folder)


class Prefix:
    """The same claims for each prefix."""
    prefix = None
    config = None

    @classmethod
    def setUpClass(cls):
        cls.stage = Stage(cls.prefix)

    @classmethod
    def tearDownClass(cls):
        cls.stage.close()

    def test_every_file_is_where_it_is_looked_for(self):
        for name in (f"{self.prefix}/lib/systemd/system/leakd.service",
                     f"{self.prefix}/lib/sysusers.d/leakd.conf",
                     f"{self.prefix}/share/bash-completion/completions/leakctl",
                     f"{self.prefix}/share/man/man8/leakd.8.gz",
                     f"{self.prefix}/share/man/man1/leakctl.1.gz",
                     f"{self.prefix}/share/man/man5/leakd.conf.5.gz",
                     f"{self.prefix}/share/doc/leakd/examples/50-leakd.conf.example",
                     f"{self.prefix}/share/doc/leakd/examples/credentials.conf.example",
                     self.config):
            self.assertTrue(os.path.isfile(self.stage.path(name)), name)
        self.assertTrue(os.path.isdir(self.stage.path(self.config + ".d")))

    def test_no_file_has_a_hole_or_a_path_of_the_build(self):
        for folder, _, files in os.walk(self.stage.root):
            for name in files:
                path = os.path.relpath(os.path.join(folder, name), self.stage.root)
                text = self.stage.read(path)
                self.assertNotRegex(text, r"@[A-Z_]+@", path)
                self.assertNotIn(self.stage.folder, text, path)
                self.assertNotIn(ROOT, text, path)

    def test_the_unit_names_this_installation(self):
        unit = self.stage.read(f"{self.prefix}/lib/systemd/system/leakd.service")
        self.assertIn(f"ExecStart={self.prefix}/sbin/leakd --config {self.config}\n", unit)
        example = self.stage.read(f"{self.prefix}/share/doc/leakd/examples/50-leakd.conf.example")
        self.assertRegex(example, rf"LD_PRELOAD={self.prefix}/lib\S*/leakd/libleakagent\.so\n")

    def test_the_administrators_file_is_kept(self):
        path = self.stage.path(self.config)
        with open(path, "a", encoding="utf-8") as file:
            file.write("[log]\nlevel = debug\n")
        self.assertIn("Keeping", self.stage.install())
        self.assertIn("level = debug", self.stage.read(self.config))

    def test_systemd_finds_nothing_wrong_with_the_unit(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is missing")
        unit = self.stage.read(f"{self.prefix}/lib/systemd/system/leakd.service")
        path = os.path.join(self.stage.folder, "leakd.service")
        with open(path, "w", encoding="utf-8") as file:
            # verify wants the program to be there; nothing is installed on this machine.
            file.write(unit.replace(f"ExecStart={self.prefix}/sbin/leakd", "ExecStart=/bin/true"))
        self.assertEqual("", run("systemd-analyze", "verify", "--man=no", path))

    def test_the_unit_is_locked_down(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is missing")
        path = self.stage.path(f"{self.prefix}/lib/systemd/system/leakd.service")
        said = run("systemd-analyze", "security", "--offline=yes", "--no-pager", path)
        exposure = float(re.search(r"exposure level for leakd\.service: ([0-9.]+)", said).group(1))
        self.assertLessEqual(exposure, EXPOSURE_MAX, said)

    def test_man_pages_format_without_a_warning(self):
        if not shutil.which("groff"):
            self.skipTest("groff is missing")
        for page in ("man8/leakd.8", "man1/leakctl.1", "man5/leakd.conf.5"):
            text = self.stage.read(f"{self.prefix}/share/man/{page}.gz")
            done = subprocess.run(["groff", "-man", "-t", "-ww", "-Tutf8"], input=text, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
            self.assertEqual("", done.stderr, page)
            self.assertGreater(len(done.stdout), 1000, page)


class PrefixUsr(Prefix, unittest.TestCase):
    prefix = "/usr"
    config = "/etc/leakd/leakd.conf"


class PrefixLocal(Prefix, unittest.TestCase):
    prefix = "/usr/local"
    config = "/usr/local/etc/leakd/leakd.conf"


class Whole(unittest.TestCase):
    """The build that the other tests run."""

    def test_programs_and_agent_are_installed(self):
        prefix = cached("CMAKE_INSTALL_PREFIX")
        with tempfile.TemporaryDirectory(prefix="leakd-test-") as root:
            run("cmake", "--install", BUILD, env={**os.environ, "DESTDIR": root})
            self.assertTrue(os.access(f"{root}{prefix}/sbin/leakd", os.X_OK))
            self.assertTrue(os.access(f"{root}{prefix}/bin/leakctl", os.X_OK))
            agents = [os.path.join(folder, name) for folder, _, files in os.walk(root)
                      for name in files if name == "libleakagent.so"]
            self.assertEqual(1, len(agents))
            self.assertTrue(agents[0].startswith(f"{root}{prefix}/lib"), agents[0])
            self.assertTrue(os.path.exists(f"{root}{prefix}/lib/python3/dist-packages/leakd.py"))
            said = run(f"{root}{prefix}/sbin/leakd", "--version")
            self.assertRegex(said, r"^leakd \d+\.\d+\.\d+\n$")


class Sample(unittest.TestCase):
    def print_config(self, path):
        return run(os.path.join(BUILD, "leakd"), "--config", path, "--print-config")

    def test_the_sample_is_what_leakd_does_without_it(self):
        sample = os.path.join(ROOT, "conf", "leakd.conf")
        with tempfile.NamedTemporaryFile(suffix=".conf") as empty:
            self.assertEqual(self.print_config(empty.name), self.print_config(sample))

    def test_the_sample_shows_what_is_in_force(self):
        sample = os.path.join(ROOT, "conf", "leakd.conf")
        with open(sample, encoding="utf-8") as file:
            before_receivers = file.read().split('#[receiver "ops"]')[0]
        shown = re.findall(r"^#(\w+ =.*)$", before_receivers, re.M)
        printed = [line.rstrip() for line in self.print_config(sample).splitlines()]
        self.assertEqual(shown, [line for line in printed if " =" in line])


class Commands(unittest.TestCase):
    """The man page and the completion know leakctl's commands, and no others."""

    @classmethod
    def setUpClass(cls):
        said = run(os.path.join(BUILD, "leakctl"), "--help")
        listed = said.split("Commands:\n")[1].split("\n\n")[0]
        cls.commands = re.findall(r"^  (\w+) ", listed, re.M)
        with open(os.path.join(ROOT, "conf/completions/leakctl"), encoding="utf-8") as file:
            cls.completion = file.read()
        with open(os.path.join(ROOT, "conf/man/leakctl.1.in"), encoding="utf-8") as file:
            cls.page = file.read()

    def test_the_man_page_has_each(self):
        section = self.page.split(".SH COMMANDS")[1].split(".SH")[0]
        self.assertEqual(self.commands, re.findall(r"^\.TP\n\\fB(\w+)\\fR", section, re.M))

    def test_the_completion_offers_each(self):
        if not shutil.which("bash"):
            self.skipTest("bash is missing")
        self.assertEqual(sorted(self.commands), sorted(
            word for word in self.complete("leakctl", "") if not word.startswith("-")))

    def test_the_completion_offers_each_option(self):
        if not shutil.which("bash"):
            self.skipTest("bash is missing")
        for command in self.commands:
            said = run(os.path.join(BUILD, "leakctl"), command, "--help")
            for option in set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", said.split("usage:")[1])):
                self.assertIn(option, self.complete("leakctl", command, "--"), command)

    def complete(self, *words):
        script = (f". {ROOT}/conf/completions/leakctl; COMP_WORDS=(\"$@\"); "
                  "COMP_CWORD=$(($# - 1)); _leakctl; printf '%s\\n' \"${COMPREPLY[@]}\"")
        return run("bash", "-c", script, "bash", *words).split()


if __name__ == "__main__":
    unittest.main()
