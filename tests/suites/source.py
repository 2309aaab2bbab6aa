# SPDX-License-Identifier: MIT
"""The source of an installed Debian package, by name: the version that is installed, or another
that the archive still has. Changes nothing of the machine's apt configuration."""
import glob
import os
import re
import shutil
import subprocess


class Missing(Exception):
    """Why a suite cannot run on this machine."""


def source_entries():
    """The machine's entries for binary packages, as entries for sources: (deb822 text, one-line
    text). Only the archives of Debian and its children: others seldom have sources."""
    blocks, lines = [], []
    for path in ["/etc/apt/sources.list", *sorted(glob.glob("/etc/apt/sources.list.d/*"))]:
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except OSError:
            continue
        if path.endswith(".sources"):
            blocks += [re.sub(r"(?m)^Types:.*$", "Types: deb-src", block)
                       for block in re.split(r"\n\s*\n", text)
                       if re.search(r"(?m)^URIs:.*(debian|ubuntu)", block)]
        else:
            lines += [re.sub(r"^\s*deb\s", "deb-src ", line) for line in text.splitlines()
                      if re.match(r"\s*deb\s.*(debian|ubuntu)", line)]
    return "\n\n".join(blocks) + "\n", "\n".join(lines) + "\n"


class Archive:
    """folder: where lists of packages and sources are kept."""

    def __init__(self, folder):
        self.folder = os.path.abspath(folder)
        self.is_fresh = False

    def options(self):
        inside = {"Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": "etc",
                  "Dir::State::Lists": "lists", "Dir::Cache": "cache"}
        words = ["-o", "APT::Sandbox::User=root"]
        for key, place in inside.items():
            words += ["-o", f"{key}={os.path.join(self.folder, place)}"]
        return words

    def update(self):
        for place in ("etc", "lists/partial", "cache/archives/partial", "src"):
            os.makedirs(os.path.join(self.folder, place), exist_ok=True)
        for name, text in zip(("all.sources", "all.list"), source_entries()):
            with open(os.path.join(self.folder, "etc", name), "w", encoding="utf-8") as file:
                file.write(text)
        subprocess.run(["apt-get", *self.options(), "update"], capture_output=True, check=False)
        self.is_fresh = True

    def tree(self, package):
        """The folder of the unpacked source, patched as Debian has it. Raises Missing."""
        asked = subprocess.run(["dpkg-query", "-W", "-f", "${source:Package} ${source:Version}",
                                package], capture_output=True, text=True, check=False)
        if asked.returncode != 0:
            raise Missing(f"the package {package} is not installed")
        if not shutil.which("dpkg-source") or not shutil.which("apt-get"):
            raise Missing("apt-get and dpkg-dev are needed to fetch the source")
        name, version = asked.stdout.split()
        target = os.path.join(self.folder, "src", name)
        if not os.path.isdir(target):
            self.fetch(name, version, target)
        return target

    def versions(self, name):
        """What the archive lists, newest first."""
        listed = subprocess.run(["apt-cache", *self.options(), "showsrc", name],
                                capture_output=True, text=True, check=False).stdout
        return re.findall(r"(?m)^Version: (.*)$", listed)[::-1]

    def fetch(self, name, version, target):
        if not self.is_fresh:
            self.update()
        below = os.path.join(self.folder, "src", "." + name)
        shutil.rmtree(below, ignore_errors=True)
        os.makedirs(below)
        for candidate in dict.fromkeys([version, *self.versions(name)]):
            done = subprocess.run(["apt-get", *self.options(), "source", f"{name}={candidate}"], cwd=below,
                                  capture_output=True, text=True, check=False)
            trees = [entry.path for entry in os.scandir(below) if entry.is_dir()]
            if done.returncode == 0 and trees:
                os.rename(trees[0], target)
                shutil.rmtree(below)
                return
        raise Missing(f"no source of {name}: " + done.stderr.strip()[-200:])
