# SPDX-License-Identifier: MIT
"""Programs that run bare and under the agent, for system tests: what they show must be the same."""
import os
import subprocess
import unittest

import wire

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.abspath(os.environ.get("LEAKD_BUILD") or os.path.join(ROOT, "build"))
AGENT = os.path.join(BUILD, "libleakagent.so")
LONG = os.environ.get("LEAKD_LONG") == "1"
NOBODY = 65534


def target(name):
    return os.path.join(BUILD, "targets", name)


def clean_environment():
    return {k: v for k, v in os.environ.items()
            if not k.startswith("LEAKD_") and k != "LD_PRELOAD"}


def loaded_environment(daemon, **settings):
    """settings: the LEAKD_ variables by their short names."""
    env = clean_environment()
    env.update(LD_PRELOAD=AGENT, LEAKD_SOCKET=daemon.path, LEAKD_DELAY_MS="0")
    env.update({"LEAKD_" + key.upper(): str(value) for key, value in settings.items()})
    return env


def run(argv, env, timeout=60, **options):
    """(exit status, stdout, stderr)."""
    done = subprocess.run(argv, env=env, capture_output=True, timeout=timeout, **options)
    return done.returncode, done.stdout, done.stderr


class Torture(unittest.TestCase):
    """A listening wire.Daemon, and both ways to run."""

    def setUp(self):
        self.daemon = wire.Daemon()
        self.daemon.__enter__()
        self.addCleanup(self.close_daemon)

    def close_daemon(self):
        self.daemon.__exit__()
        self.assertEqual(self.daemon.errors, [])

    def run_loaded(self, argv, timeout=60, **settings):
        return run(argv, loaded_environment(self.daemon, **settings), timeout)

    def same(self, argv, timeout=60, **settings):
        """Runs both ways and compares; returns the loaded run's stdout."""
        bare = run(argv, clean_environment(), timeout)
        loaded = self.run_loaded(argv, timeout, **settings)
        self.assertEqual(bare, loaded)
        return loaded[1].decode()

    def agents(self, count=1):
        return self.daemon.wait_closed(count)

    def last_agent(self, argv, **settings):
        """Runs a target that connects once; what it said, and its output."""
        before = len(self.daemon.agents)
        _, out, err = self.run_loaded(argv, **settings)
        self.assertEqual(err, b"")
        return self.agents(before + 1)[-1], out.decode()
