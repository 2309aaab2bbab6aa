# SPDX-License-Identifier: MIT
"""The table of leaky and innocent Python programs: what leakd must say of each under the profile
"fast". The programs are tests/targets/python_leaks.py and python_innocents.py."""
import collections
import os
import subprocess
import time

from daemon import PYTHON

WITHIN_S = 240
PATIENCE_S = 360  # on a machine that has more to do than it can
SITES_SHOWN = 2  # the culprit's line is among so many
TYPES_SHOWN = 3

# types: one of them is among the first of the incident; () where the memory belongs to no object.
# retainer: a part of the path that keeps the objects alive, as the snapshot names it.
Leak = collections.namedtuple("Leak", "types retainer")
LEAKS = {
    "global_list": Leak(("dict",), ".HISTORY"),
    "unbounded_dict_cache": Leak(("str",), ".PAGES"),
    "lru_cache_none": Leak(("list", "int"), "lru_cache"),
    "closure_registry": Leak(("set",), "make_handler"),
    "callback_list": Leak(("__main__.Widget",), ".CHANGED"),
    "self_reference_gc_off": Leak(("__main__.Node",), "cycle"),
    "cycle_gc_cannot_see": Leak(("__main__.Plugin",), "extra reference"),
    "exception_traceback": Leak(("bytearray",), ".ERRORS"),
    "thread_local": Leak(("tuple",), "thread"),
    "context_variable": Leak(("__main__.Link",), "contextvar"),
    "asyncio_tasks": Leak(("bytearray",), "task"),
    "unfinished_generator": Leak(("tuple",), ".READERS"),
    "ctypes_malloc": Leak((), None),
    "extension_reference": Leak(("__main__.Record",), "extra reference"),
    "class_attribute": Leak(("tuple",), "Account.audit"),
    "mutable_default": Leak(("bytes",), "collect"),
}
INNOCENTS = ("bounded_cache", "pool_warm_up", "json_churn", "gc_sawtooth", "batch_job", "sessions",
             "interned_strings", "log_rotation")

# Kinds that take different ways through the agent: small objects, large ones, cycles, C.
FEW_LEAKS = ("global_list", "unbounded_dict_cache", "exception_traceback", "closure_registry",
             "extension_reference")
FEW_INNOCENTS = ("gc_sawtooth", "sessions", "log_rotation")

HARMLESS = {"learning", "ok", "suspect"}
TARGETS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "targets")
LEAKS_FILE = os.path.join(TARGETS, "python_leaks.py")
INNOCENTS_FILE = os.path.join(TARGETS, "python_innocents.py")


def culprit_line(name):
    with open(LEAKS_FILE, encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1)
                    if line.rstrip().endswith("# culprit " + name))


def names_in(file):
    listed = subprocess.run([PYTHON, file, "--list"], stdout=subprocess.PIPE, text=True, check=True)
    return set(listed.stdout.split())


class Table:
    """The programs beside each other under one leakd; `prefix` tells two interpreters apart."""

    def __init__(self, daemon, python, leaks=tuple(LEAKS), innocents=INNOCENTS, prefix=""):
        self.daemon = daemon
        self.prefix = prefix
        self.leaks = leaks
        self.innocents = innocents
        self.began_s = time.monotonic()
        self.verdicts = {name: set() for name in leaks + innocents}
        self.took_s = {}
        self.incidents = {}
        self.programs = {}
        for file, names in ((LEAKS_FILE, leaks), (INNOCENTS_FILE, innocents)):
            for name in names:
                self.programs[name] = daemon.run(python, file, name, name=prefix + name,
                                                 profile="fast")

    def look(self):
        """Once a second or so: notes verdicts, and how long it took to tell a leak rightly."""
        elapsed_s = time.monotonic() - self.began_s
        for row in self.daemon.processes():
            name = self.own(row["name"])
            if name:
                self.verdicts[name].add(row["verdict"])
        for row in self.daemon.get("/api/v1/incidents")["incidents"]:
            name = self.own(row["process"]["name"])
            if name and name not in self.took_s:
                self.incidents[name] = self.daemon.get("/api/v1/incidents/" + row["id"])
                if name in self.leaks and not self.wrong(name):
                    self.took_s[name] = elapsed_s

    def own(self, name):
        short = name[len(self.prefix):] if name.startswith(self.prefix) else ""
        return short if short in self.programs else None

    def is_complete(self):
        return all(name in self.took_s for name in self.leaks)

    def places(self, name):
        """The first sites' culprits as "file:line"."""
        culprits = [site.get("culprit") or {} for site in self.incidents[name]["sites"]]
        return [f"{os.path.basename(culprit.get('file') or '?')}:{culprit.get('line')}"
                for culprit in culprits]

    def wrong(self, name):
        """What is wrong in what leakd says of a leaky program; "" when it is right."""
        if name not in self.incidents:
            return f"no incident, verdicts {sorted(self.verdicts[name])}"
        wanted = f"{os.path.basename(LEAKS_FILE)}:{culprit_line(name)}"
        places = self.places(name)
        types = [row["name"] for row in self.incidents[name]["types"]]
        if wanted not in places[:SITES_SHOWN]:
            return f"{wanted} is not among {places}"
        if LEAKS[name].types and not set(LEAKS[name].types) & set(types[:TYPES_SHOWN]):
            return f"none of {LEAKS[name].types} is among {types}"
        return self.wrong_retainer(name)

    def wrong_retainer(self, name):
        """The paths are looked at where the incident has any."""
        retainers = self.incidents[name].get("retainers") or []
        wanted = LEAKS[name].retainer
        if not retainers or not wanted or any(
                wanted in " ".join(retainer["path"]) for retainer in retainers):
            return ""
        return f"{wanted} is in none of {[retainer['path'] for retainer in retainers]}"

    def harm(self, name):
        """What an innocent program was wrongly said to be; "" when nothing."""
        alarms = self.verdicts[name] - HARMLESS
        return ", ".join(sorted(alarms)) + (" and an incident" if name in self.incidents else "") \
            if alarms or name in self.incidents else ""

    def print(self, version):
        print(f"# {'program':24} {'told after':>10}  what  (Python {version})")
        for name in self.leaks:
            told = f"{self.took_s[name]:.0f} s" if name in self.took_s else "-"
            said = self.wrong(name) or ", ".join(
                self.places(name)[:SITES_SHOWN] +
                [row["name"] for row in self.incidents[name]["types"][:TYPES_SHOWN]])
            print(f"# {name:24} {told:>10}  {said}")
        for name in self.innocents:
            print(f"# {name:24} {'':>10}  {self.harm(name) or 'nothing raised'} "
                  f"({', '.join(sorted(self.verdicts[name]))})", flush=True)
