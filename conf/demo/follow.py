# SPDX-License-Identifier: MIT
"""Follows leakd's API until both demo programs are found leaking and the webhooks have come; says
what was found. Ends with 0 when leakd named the right lines, else with 1.

Usage: follow.py API_URL WEBHOOK_FOLDER STARTED_AT
"""
import glob
import json
import os
import sys
import time
import urllib.request

API, HOOKS, STARTED = sys.argv[1], sys.argv[2], float(sys.argv[3])
PATIENCE_S = 240
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def get(path):
    with urllib.request.urlopen(API + path, timeout=10) as answer:
        return json.load(answer)


def size(value):
    for unit in UNITS:
        if abs(value) < 1024 or unit == UNITS[-1]:
            return f"{value:.1f} {unit}" if unit != "B" else f"{value:.0f} B"
        value /= 1024
    return ""


def rate(growth):
    if not growth:
        return "not known yet"
    return (f"{size(growth['estimate'])}/s "
            f"(95 %: {size(growth['lower'])} to {size(growth['upper'])})")


def say(text=""):
    print(f"[{time.time() - STARTED:3.0f} s] {text}" if text else "", flush=True)


def line_of(name, text):
    """The number of the line that contains text: what the demo's source really says."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    with open(path, encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if text in line)


# What each program's leak looks like in its own source.
WANTED = {
    "shop": {"file": "shop.py", "function": "remember", "type": "dict",
             "held": ["module __main__", ".TRAIL"],
             "lines": {line_of("shop.py", 'event = {"request"'),
                       line_of("shop.py", "TRAIL.append(event)")}},
    "reporter": {"file": "report.c", "function": "line_copy", "type": None, "held": None,
                 "lines": {line_of("report.c", "calloc(1, ROW_BYTES)")}},
}


def wait_for_verdicts():
    """Prints progress until every wanted process has an incident and its webhook came."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_S:
        time.sleep(5)
        processes = {p["name"]: p for p in get("/api/v1/processes")["processes"]}
        say("; ".join(f"{name}: {processes[name]['verdict']}, "
                      f"live {size(processes[name]['live_bytes'])}, "
                      f"growth {rate(processes[name]['growth_bytes_per_s'])}"
                      for name in WANTED if name in processes))
        told = {hook["body"]["data"]["process"]["name"] for hook in hooks()}
        if told >= set(WANTED):
            return True
    return False


def hooks():
    found = []
    for path in sorted(glob.glob(os.path.join(HOOKS, "*.json"))):
        with open(path, encoding="utf-8") as file:
            found.append(json.load(file))
    return [hook for hook in found if hook["body"].get("type") == "leak.incident.opened"]


def frame_text(frame):
    where = f"{frame['file']}:{frame['line']}" if frame.get("file") else frame.get("module")
    return f"{frame.get('function') or '?'}  {where}"


def culprit_matches(frame, wanted):
    return bool(frame) and os.path.basename(frame.get("file") or "") == wanted["file"] and \
        frame.get("line") in wanted["lines"] and \
        (frame.get("function") or "").split(".")[-1] == wanted["function"]


def report(incident, wanted):
    """Prints one incident; returns the complaints."""
    complaints = []
    say()
    say(f"{incident['process']['name']}: {incident['summary']}")
    print(f"        growth     {rate(incident['growth_bytes_per_s'])}")
    sites = incident["sites"]
    for site in sites[:1]:
        print(f"        line       {frame_text(culprit_of(site))}")
        for frame in site["frames"][:10]:
            print(f"                     {frame['language']:6}  {frame_text(frame)}")
    if not sites or not culprit_matches(culprit_of(sites[0]), wanted):
        complaints.append(f"the line of {incident['process']['name']} is not the leaking one")
    types = [entry["name"] for entry in incident["types"]]
    if wanted["type"]:
        print(f"        type       {', '.join(types[:3]) or 'none'}")
        if wanted["type"] not in types[:1]:
            complaints.append(f"the type is not {wanted['type']}")
    if wanted["held"]:
        paths = [entry["path"] for entry in incident["retainers"]]
        for entry in incident["retainers"][:3]:
            print(f"        held by    {entry['share']:4.0%}  {' -> '.join(entry['path'])}")
        if not any(path[:2] == wanted["held"] for path in paths):
            complaints.append(f"who keeps them is not {' '.join(wanted['held'])}")
    return complaints


def culprit_of(site):
    return site.get("culprit") or (site["frames"][0] if site["frames"] else {})


def main():
    if not wait_for_verdicts():
        say("leakd did not find both leaks in time")
        return 1
    complaints = []
    found = {i["process"]["name"]: i for i in get("/api/v1/incidents")["incidents"]}
    for name, wanted in WANTED.items():
        complaints += report(get("/api/v1/incidents/" + found[name]["id"]), wanted)
    say()
    say("the webhooks that the receiver got:")
    for hook in hooks():
        print(f"        webhook-id {hook['headers']['webhook-id']}, signature "
              f"{'verifies' if hook['verified'] else 'DOES NOT VERIFY'}")
        if not hook["verified"]:
            complaints.append("a webhook's signature does not verify")
        print("\n".join("        " + line
                        for line in json.dumps(hook["body"], indent=2).splitlines()))
    say()
    for complaint in complaints:
        say("WRONG: " + complaint)
    say("leakd found both leaks." if not complaints else "leakd did not find what it should.")
    print(f"        dashboard: {API}/   API: {API}/api/v1/processes", flush=True)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
