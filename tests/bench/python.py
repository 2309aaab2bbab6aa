# SPDX-License-Identifier: MIT
"""What the agent costs CPython, calm and attributing, beside tracemalloc and memray."""
import os
import statistics
import subprocess

from measure import AGENT, HERE, Variant, has, instructions, note, paired, ratios, row, spread, table

LOADS = {
    "json": "json there and back",
    "objects": "a graph of small objects",
    "web": "a loop like a web service's",
    "worst": "a micro-loop that only allocates",
}


def variants_of(python, socket_path):
    """bare, leakd calm and attributing, tracemalloc with 1 and 25 frames, memray if it is there."""
    own = {"LD_PRELOAD": AGENT, "LEAKD_SOCKET": socket_path}
    found = [Variant("bare", None),
             Variant("leakd, calm", "bare", **own),
             Variant("leakd, attributing", "bare", LEAKD_PYTHON="always", **own),
             Variant("tracemalloc, 1 frame", "bare", PYTHONTRACEMALLOC="1"),
             Variant("tracemalloc, 25 frames", "bare", PYTHONTRACEMALLOC="25")]
    asked = subprocess.run([python, "-c", "import memray"], capture_output=True, check=False)
    if asked.returncode == 0:
        found.append(Variant("memray", "bare", LEAKD_BENCH_MEMRAY="1"))
    else:
        note(f"{python} has no memray (pip install memray): its column is left out")
    return found


def command(python, load, rounds):
    return [python, os.path.join(HERE, "workloads.py"), load, str(rounds)]


def cpu(python, load, variant):
    done = subprocess.run(command(python, load, 1), env=variant.env(), capture_output=True,
                          text=True, check=True)
    return float(done.stdout)


def added_instructions(python, load, variant):
    """Of one more round of a workload: its start and its imports are not in it."""
    return (instructions(command(python, load, -3), variant.env()) -
            instructions(command(python, load, -1), variant.env()))


def report(python, socket_path, rounds):
    variants = variants_of(python, socket_path)
    version = subprocess.run([python, "-c", "import sys; print(sys.version.split()[0])"],
                             capture_output=True, text=True, check=True).stdout.strip()
    watched = [v for v in variants if v.against]
    table(f"CPython {version}, CPU, ratio to bare", *(v.name for v in watched), "bare")
    for load, name in LOADS.items():
        figures = paired(variants, rounds, lambda v, load=load: cpu(python, load, v))
        row(name, *(spread(ratios(figures, v)) for v in watched),
            f"{statistics.median(figures['bare']):.2f} s")


def report_instructions(python, socket_path):
    if not has("valgrind"):
        return
    chosen = [v for v in variants_of(python, socket_path) if v.name != "memray"]
    table(f"{python}, instructions, ratio to bare", *(v.name for v in chosen if v.against))
    for load, name in LOADS.items():
        counted = {v.name: added_instructions(python, load, v) for v in chosen}
        row(name, *(f"{counted[v.name] / counted['bare']:.4f}" for v in chosen if v.against))
