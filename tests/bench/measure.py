# SPDX-License-Identifier: MIT
"""Paired measurements: every round runs each variant once, in turn, and a ratio is the median of the
rounds' ratios, so that a machine that is busy for a while disturbs all of them alike."""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("LEAKD_BUILD") or os.path.join(ROOT, "build"))
AGENT = os.path.join(BUILD, "libleakagent.so")
LIBRARIES = "/usr/lib/x86_64-linux-gnu/"
JEMALLOC = LIBRARIES + "libjemalloc.so.2"
ALLOCATORS = (JEMALLOC, LIBRARIES + "libtcmalloc_minimal.so.4", LIBRARIES + "libmimalloc.so.2")
HEAPTRACK = "/usr/lib/heaptrack/libheaptrack_preload.so"


class Variant:
    """A way to run a program. against: the variant that its ratio is to; None for a base."""

    def __init__(self, name, against, **env):
        self.name, self.against, self.own = name, against, env

    def env(self):
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith("LEAKD_") and k not in ("LD_PRELOAD", "MALLOC_CONF")}
        return dict(clean, **self.own)

    def above(self, library):
        """The same with this library's allocator below whatever is preloaded."""
        own = dict(self.own, LD_PRELOAD=":".join(filter(None, [self.own.get("LD_PRELOAD"), library])))
        return Variant(self.name, self.against, **own)


def has_profiler():
    """Whether this jemalloc was built with its profiler; one that was not warns of the option."""
    done = subprocess.run(["true"], env=dict(os.environ, LD_PRELOAD=JEMALLOC, MALLOC_CONF="prof:true"),
                          capture_output=True, check=False)
    return not done.stderr


def native_variants(socket_path):
    """bare, the agent, and what else this machine has; prints why something is left out."""
    variants = [Variant("bare", None),
                Variant("leakd", "bare", LD_PRELOAD=AGENT, LEAKD_SOCKET=socket_path)]
    if os.path.exists(JEMALLOC) and has_profiler():
        variants += [Variant("jemalloc", None, LD_PRELOAD=JEMALLOC, MALLOC_CONF="prof:false"),
                     Variant("jemalloc prof", "jemalloc", LD_PRELOAD=JEMALLOC,
                             MALLOC_CONF="prof:true,prof_active:true,lg_prof_sample:19")]
    else:
        note("no libjemalloc.so.2 with a profiler: its column is left out")
    if os.path.exists(HEAPTRACK):
        variants.append(Variant("heaptrack", "bare", LD_PRELOAD=HEAPTRACK,
                                DUMP_HEAPTRACK_OUTPUT="/dev/null"))
    else:
        note("no heaptrack: its column is left out")
    return variants


def note(text):
    print("note: " + text, file=sys.stderr, flush=True)


def cpu_seconds(argv, env, cwd=None):
    """User and system time of a command and of the children it has waited for."""
    process = subprocess.Popen(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"bench: {argv[0]} ended with {process.returncode}, LD_PRELOAD="
                         f"{env.get('LD_PRELOAD', '')}")
    return usage.ru_utime + usage.ru_stime


def paired(variants, rounds, measure):
    """{variant name: [figure of each round]}; the order turns from round to round."""
    figures = {variant.name: [] for variant in variants}
    for number in range(rounds):
        turn = number % len(variants)
        for variant in variants[turn:] + variants[:turn]:
            figures[variant.name].append(measure(variant))
    return figures


def ratios(figures, variant):
    return [one / base for one, base in zip(figures[variant.name], figures[variant.against])]


def spread(values, form="%.2f"):
    """The median and the quartiles."""
    if len(values) < 3:
        return form % statistics.median(values)
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{form} ({form} to {form})" % (middle, low, high)


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def table(*heads):
    print()
    row(*heads)
    row(*["---"] * len(heads))


def instructions(argv, env):
    """What callgrind counts for a run; it leaves malloc, and so the agent, alone."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["valgrind", "--tool=callgrind",
                               f"--callgrind-out-file={folder}/out", *argv], env=env,
                              capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def compiled(folder, name, *options):
    """The program of a source of this folder."""
    program = os.path.join(folder, name)
    subprocess.run(["cc", "-O2", "-g", "-fno-builtin", "-pthread", "-D_GNU_SOURCE", *options, "-o",
                    program, os.path.join(HERE, name + ".c")], check=True)
    return program


def has(*commands):
    missing = [command for command in commands if not shutil.which(command)]
    if missing:
        note(f"no {missing[0]}: what needs it is left out")
    return not missing
