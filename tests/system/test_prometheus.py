# SPDX-License-Identifier: MIT
"""Alert rules, scrape configuration and Grafana dashboard: promtool accepts them, and every metric
that they ask for is one that leakd has."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon import ROOT, Daemon  # noqa: E402

FOLDER = os.path.join(ROOT, "conf", "prometheus")
FOREIGN = {"up"}  # Prometheus' own


def read(name):
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()


def metrics_of(expression):
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|by \([^)]*\)|on\([^)]*\)|\"[^\"]*\"", " ", expression)
    words = set(re.findall(r"[a-z_]{2,}", bare))
    return {word for word in words if word.startswith(("leakd_", "process_")) or word in FOREIGN}


def known_metrics():
    """The names that the sources write, with what the format adds."""
    names = set(FOREIGN)
    for path in glob.glob(os.path.join(ROOT, "daemon", "http", "metrics*.c")):
        with open(path, encoding="utf-8") as file:
            for name in re.findall(r'"((?:leakd|process)_[a-z_]+)"', file.read()):
                names |= {name, name + "_total", name + "_info"}
    return names


class Prometheus(unittest.TestCase):
    def expressions(self):
        rules = re.findall(r"^\s+expr: (.*)$", read("leakd.rules.yml"), re.M)
        panels = json.loads(read("grafana-dashboard.json"))["panels"]
        return rules + [target["expr"] for panel in panels for target in panel["targets"]]

    def test_every_metric_that_is_asked_for_exists(self):
        known = known_metrics()
        self.assertGreater(len(self.expressions()), 15)
        for expression in self.expressions():
            asked = metrics_of(expression)
            self.assertTrue(asked, expression)
            self.assertEqual(set(), asked - known, expression)

    @unittest.skipUnless(shutil.which("promtool"), "promtool (package prometheus) is not installed")
    def test_promtool_accepts_rules_and_scrape_configuration(self):
        for words in (["check", "rules", "leakd.rules.yml"], ["check", "config", "scrape.yml"]):
            done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True,
                                  check=False)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    @unittest.skipUnless(shutil.which("promtool"), "promtool (package prometheus) is not installed")
    def test_promtool_accepts_the_metrics_with_receivers(self):
        with Daemon('[receiver "ops"]\nurl = http://127.0.0.1:1/\n') as daemon:
            text = daemon.status_of("/metrics")[2]
        self.assertIn('leakd_receiver_queue_length{receiver="ops",type="webhook"} 0', text)
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                              text=True, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_the_dashboards_panels_fit_the_grid(self):
        for panel in json.loads(read("grafana-dashboard.json"))["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)


if __name__ == "__main__":
    unittest.main()
