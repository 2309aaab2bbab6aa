# SPDX-License-Identifier: MIT
"""Python programs for the bench. Usage: workloads.py json|objects|web|worst ROUNDS; a negative
number: so many small rounds, for callgrind. Prints the CPU seconds."""
import json
import os
import sys
import time


def run_json(size):
    document = {"orders": [{"id": i, "name": f"order {i}", "lines": [[k, k * 1.5] for k in range(5)],
                            "open": i % 3 == 0} for i in range(500)]}
    for _ in range(size):
        document = json.loads(json.dumps(document))


class Node:
    def __init__(self, key, left, right):
        self.key, self.left, self.right = key, left, right
        self.tags = {"key": key}


def run_objects(size):
    for _ in range(size):
        nodes = [None]
        for key in range(8000):
            nodes.append(Node(key, nodes[-1], nodes[key // 2]))
        for node in nodes[1:]:
            node.left = None


def handle(sessions, number):
    """Parses a request, changes a session, renders a page."""
    head = f"GET /item/{number}?user={number % 500}&q=a+b HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"
    lines = head.split("\r\n")
    path, _, query = lines[0].split()[1].partition("?")
    fields = dict(pair.split("=", 1) for pair in query.split("&"))
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:] if line)}
    session = sessions.setdefault(fields["user"], {"seen": [], "host": headers["host"]})
    session["seen"] = session["seen"][-9:] + [path]
    return "<ul>" + "".join(f"<li>{item}</li>" for item in session["seen"]) + "</ul>"


def run_web(size):
    sessions = {}
    for number in range(size * 2500):
        handle(sessions, number)


def run_worst(size):
    for number in range(size * 20000):
        keep = [(number, str(number)), [number], {number: 1.5}, bytearray(600)]
        del keep


LOADS = {"json": (run_json, 200), "objects": (run_objects, 80), "web": (run_web, 60),
         "worst": (run_worst, 60)}


def main():
    run, full = LOADS[sys.argv[1]]
    rounds = int(sys.argv[2])
    size = full * rounds if rounds > 0 else -rounds
    started = time.process_time()
    if os.environ.get("LEAKD_BENCH_MEMRAY"):
        import memray
        with memray.Tracker("/dev/null", native_traces=False):
            run(size)
    else:
        run(size)
    print(time.process_time() - started)


if __name__ == "__main__":
    main()
