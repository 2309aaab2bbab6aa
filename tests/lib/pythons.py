# SPDX-License-Identifier: MIT
"""The CPythons of this machine that the agent knows."""
import glob
import os
import subprocess

OLDEST = (3, 8)
NEWEST = (3, 14)


def _version(path):
    said = subprocess.run([path, "-c", "import platform; print(platform.python_version())"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return said.stdout.strip()


def _numbers(version):
    return tuple(int(part) for part in version.split(".")[:2])


def find():
    """{"3.11.2": path}: the system's, those of pyenv, and what LEAKD_PYTHONS names."""
    paths = ["/usr/bin/python3", *glob.glob("/usr/local/bin/python3.[0-9]*"),
             *glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3")),
             *os.environ.get("LEAKD_PYTHONS", "").split(":")]
    found = {}
    for path in paths:
        if os.access(path, os.X_OK) and not path.endswith("-config"):
            found.setdefault(_version(path), path)
    return {version: path for version, path in found.items()
            if version and OLDEST <= _numbers(version) <= NEWEST}


INTERPRETERS = find()


def newest():
    return max(INTERPRETERS, key=lambda version: tuple(map(int, version.split("."))))
