# SPDX-License-Identifier: MIT
"""What the agent costs native programs, beside jemalloc's profiler and heaptrack."""
import os
import re
import statistics
import subprocess
import tempfile
import time

from measure import (ALLOCATORS, compiled, cpu_seconds, has, instructions, note, paired, ratios, row,
                     spread, table)

REDIS_STRETCHES = 20
PAIRS = {"small": 8000000, "mixed": 2000000}
SQL = """create table t(id integer primary key, k text, v real);
with recursive n(i) as (select 1 union all select i+1 from n where i<150000)
insert into t select i, 'key' || (i * 7919 % 100003), i * 0.5 from n;
create index t_k on t(k);
select count(*), sum(length(k)) from t where k between 'key3' and 'key7';
select substr(k,1,5) g, count(*), group_concat(id) from t group by g order by 2 desc limit 20;
update t set k = k || 'x' where id % 3 = 0;
delete from t where id % 5 = 0;
select count(distinct a.k) from t a join t b on a.k = b.k;
"""


class Workload:
    """name; cpu(variant): CPU seconds of one run, or figures(variants, rounds): those of all, as
    `paired` gives them. only: the names of variants it is meant for."""

    def __init__(self, name, cpu=None, only=None, figures=None):
        self.name, self.only = name, only
        self.figures = figures or (lambda variants, rounds: paired(variants, rounds, cpu))

    def suits(self, variant):
        return not self.only or variant.name in self.only


def loop_words(folder, threads, kind):
    return [compiled(folder, "loop"), str(threads), str(PAIRS[kind] // threads), kind]


def malloc_loop(folder, threads, kind):
    words = loop_words(folder, threads, kind)
    return Workload(f"malloc loop, {kind} sizes, {threads} thread{'s' * (threads > 1)}",
                    lambda variant: cpu_seconds(words, variant.env()))


def malloc_loop_above(folder, library):
    """Bare is the loop on this allocator; leakd has it below the agent, which cannot read the sizes
    in front of its blocks."""
    words = loop_words(folder, 1, "small")
    return Workload(f"malloc loop above {os.path.basename(library).split('.')[0][3:]}, 1 thread",
                    lambda variant: cpu_seconds(words, variant.above(library).env()), ("bare", "leakd"))


def sqlite(folder):
    script = os.path.join(folder, "bench.sql")
    with open(script, "w", encoding="utf-8") as file:
        file.write(SQL)
    words = ["sqlite3", "-init", script, ":memory:", ".quit"]
    return Workload("sqlite3, a script of joins", lambda variant: cpu_seconds(words, variant.env()))


def gcc(folder):
    """Generated, so that it is the same everywhere: 1,500 functions over structs and switches."""
    source = os.path.join(folder, "big.c")
    with open(source, "w", encoding="utf-8") as file:
        file.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n")
        for i in range(1500):
            file.write(
                f"struct s{i} {{ int a[{i % 7 + 2}]; struct s{i} *next; char name[{i % 50 + 9}]; }};\n"
                f"int f{i}(struct s{i} *s, int n)\n{{\n    int sum = {i};\n"
                f"    for (; s; s = s->next)\n        for (int k = 0; k < {i % 7 + 2}; k++)\n"
                f"            switch ((s->a[k] + n) % 5) {{ case 0: sum += k; break; case 1: sum ^= n;"
                f" break; case 3: sum -= (int)strlen(s->name); break; default: sum *= 3; }}\n"
                f"    return sum;\n}}\n")
    words = ["gcc", "-O1", "-c", source, "-o", os.path.join(folder, "big.o")]
    return Workload("gcc -O1, 15,000 lines", lambda variant: cpu_seconds(words, variant.env()))


class Server:
    """A redis-server that lives for a while."""

    def __init__(self, folder, variant):
        self.socket = os.path.join(folder, "redis.sock")
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "", "--dir", folder],
            env=variant.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait_ready(self):
        for _ in range(400):
            done = subprocess.run(["redis-cli", "-s", self.socket, "ping"], capture_output=True,
                                  check=False)
            if done.stdout.strip() == b"PONG":
                return
            time.sleep(0.05)
        raise SystemExit("bench: redis-server does not answer")

    def cpu_seconds(self):
        """Of all its threads, to the nanosecond: the clock that clock_getcpuclockid(3) names."""
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def stretch(self, words):
        before = self.cpu_seconds()
        subprocess.run(["redis-benchmark", "-s", self.socket, "-q", "-t",
                        "set,get,lpush,sadd,zadd,mset", *words], stdout=subprocess.DEVNULL, check=True)
        return self.cpu_seconds() - before

    def stop(self):
        self.process.kill()
        self.process.wait()


def redis_round(folder, variants, words):
    """{variant name: [CPU seconds of each stretch]} of one server of each, which live beside each other."""
    servers = {}
    try:
        for variant in variants:
            os.mkdir(os.path.join(folder, variant.name))
            servers[variant.name] = Server(os.path.join(folder, variant.name), variant)
            servers[variant.name].wait_ready()
        for server in servers.values():
            server.stretch(words)  # grows its tables
        return paired(variants, REDIS_STRETCHES, lambda v: servers[v.name].stretch(words))
    finally:
        for server in servers.values():
            server.stop()


def redis(name, *words):
    """A server's luck with its addresses is worth more than the agent, a busy moment as much: short
    stretches in turns, of several servers each."""

    def figures(variants, rounds):
        together = {v.name: [] for v in variants}
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                for variant, found in redis_round(folder, variants, words).items():
                    together[variant] += found
        return together

    return Workload(f"redis-server under redis-benchmark, {name}", figures=figures)


def workloads(folder):
    for kind in ("small", "mixed"):
        for threads in (1, 2):
            yield malloc_loop(folder, threads, kind)
    for library in filter(os.path.exists, ALLOCATORS):
        yield malloc_loop_above(folder, library)
    if has("redis-server", "redis-benchmark", "redis-cli"):
        yield redis("as it comes", "-n", "4000")
        yield redis("8 commands at once", "-n", "10000", "-r", "50000", "-P", "8", "-d", "200")
    if has("sqlite3"):
        yield sqlite(folder)
    if has("gcc"):
        yield gcc(folder)


def cpu_table(folder, variants, rounds):
    watched = [v for v in variants if v.against]
    table("CPU, ratio to the same without", *(f"{v.name}" for v in watched), "bare")
    for load in workloads(folder):
        figures = load.figures([v for v in variants if load.suits(v)], rounds)
        cells = [spread(ratios(figures, v)) if load.suits(v) else "" for v in watched]
        row(load.name, *cells, f"{statistics.median(figures['bare']):.2f} s")


def quiet_loop_rows(folder, variants, rounds):
    """The loop in the stretches that nobody disturbed, bare and loaded in turns."""
    for kind in ("small", "mixed"):
        for threads in (1, 2):
            words = loop_words(folder, threads, kind)

            def quiet_ns(variant):
                done = subprocess.run(words, env=variant.env(), capture_output=True, check=True)
                return float(done.stdout.split()[1])

            two = variants[:2]
            figures = paired(two, rounds * 3, quiet_ns)
            added = [b - a for a, b in zip(figures["bare"], figures["leakd"])]
            row(f"malloc loop, {kind} sizes, {threads} thread{'s' * (threads > 1)}, undisturbed",
                spread(ratios(figures, two[1])), f"bare {statistics.median(figures['bare']):.1f} ns a "
                f"pair, the agent adds {spread(added)}")


def per_pair(program, kind, variant):
    """Instructions a pair of malloc and free: what 200,000 more pairs add."""
    return (instructions([program, "1", "300000", kind], variant.env()) -
            instructions([program, "1", "100000", kind], variant.env())) / 200000


def instruction_rows(folder, variants):
    if not has("valgrind"):
        return
    program = compiled(folder, "loop")
    for kind in ("small", "mixed"):
        counted = {v.name: per_pair(program, kind, v) for v in variants if v.name != "heaptrack"}
        cells = " &#124; ".join(f"{name} {count:.0f}" for name, count in counted.items())
        row(f"instructions a pair of malloc and free, {kind} sizes", cells,
            f"callgrind; the agent adds {counted['leakd'] - counted['bare']:.1f}")


def start_row(variants, rounds):
    def start_ms(variant):
        env = variant.env()
        begin = time.monotonic()
        for _ in range(20):
            os.waitpid(os.posix_spawn("/bin/true", ["true"], env), 0)
        return (time.monotonic() - begin) * 50

    two = variants[:2]
    figures = paired(two, rounds * 4, start_ms)
    added = [b - a for a, b in zip(figures["bare"], figures["leakd"])]
    row("start and end of `/bin/true`, ms added", spread(added), f"bare "
        f"{statistics.median(figures['bare']):.2f} ms")


def memory_row(folder, variants, rounds):
    program = compiled(folder, "resident")

    def kib(variant):
        done = subprocess.run([program], env=variant.env(), capture_output=True, check=True)
        return [int(word) for word in done.stdout.split()]

    figures = paired(variants[:2], min(rounds, 3), kib)
    for number, name in ((0, "resident"), (1, "of it private")):
        added = [b[number] - a[number] for a, b in zip(figures["bare"], figures["leakd"])]
        row(f"memory of a small program, KiB added, {name}", spread(added, "%.0f"),
            "a program that allocates for 2.5 s")


def tail_rows(folder, variants, rounds):
    program = compiled(folder, "tail")

    def quantiles_us(variant, period):
        env = dict(variant.env(), LEAKD_PERIOD=period)
        done = subprocess.run([program, "10000"], env=env, capture_output=True, check=True)
        return [int(word) / 1000 for word in done.stdout.split()]

    for period, what in (("1", "every block sampled, 1,000 sites changed a flush"),
                         ("524288", "the usual period")):
        figures = paired(variants[:2], min(rounds, 3), lambda v, p=period: quantiles_us(v, p))
        for number, name in enumerate(("p50", "p99", "p99.9", "worst")):
            bare, loaded = ([q[number] for q in figures[v]] for v in ("bare", "leakd"))
            row(f"an allocation a millisecond, {name}, us", spread(loaded, "%.1f"),
                f"bare {statistics.median(bare):.1f}; {what}")


FLUSH = {"getpid", "rt_sigprocmask", "getsockopt", "sendto", "recvfrom"}


def syscalls_row(folder, variants):
    """Calls between the first flush and the last that are none of a flush's own, less the bare
    run's of the same kind and number."""
    if not has("strace"):
        return
    program = compiled(folder, "loop")
    counts = []
    for variant in variants[:2]:
        log = os.path.join(folder, "strace.log")
        done = subprocess.run(["strace", "-f", "-o", log, program, "2", "20000000"],
                              env=variant.env(), capture_output=True, check=False)
        if done.returncode != 0:
            note("strace cannot trace here: the row of system calls is left out")
            return
        with open(log, encoding="utf-8", errors="replace") as file:
            names = re.findall(r"(?m)^\d+ +(\w+)\(", file.read())
        counts.append(names)
    bare, loaded = counts
    sends = [i for i, name in enumerate(loaded) if name == "sendto"]
    between = loaded[sends[0]:sends[-1]] if len(sends) > 1 else []
    extra = [n for n in between if n not in FLUSH and n not in set(bare)]
    row("system calls of the agent between two flushes", len(extra),
        f"strace, {len(sends)} sends seen" + (f"; {sorted(set(extra))}" if extra else ""))


def flush_row(agents):
    flushes = sum(len(a.healths) for a in agents)
    spent_ns = sum(a.health["flush_ns_total"] for a in agents if a.health)
    if flushes:
        row("a flush, us, mean of all above", f"{spent_ns / flushes / 1000:.0f}",
            f"the agents' own count over {flushes}")


def report(folder, variants, rounds, daemon):
    cpu_table(folder, variants, rounds)
    table("what", "figure", "how")
    instruction_rows(folder, variants)
    quiet_loop_rows(folder, variants, rounds)
    memory_row(folder, variants, rounds)
    start_row(variants, rounds)
    tail_rows(folder, variants, rounds)
    flush_row(daemon.agents)  # before strace makes each of its calls dear
    syscalls_row(folder, variants)
