# SPDX-License-Identifier: MIT
"""A C++ program without frame pointers loses memory thirty calls deep: leakd names the line and has
the whole stack. With LEAKD_LONG=1 at 1 KiB a second and from the verdict on, with the sampling that
the daemon orders itself."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon import BUILD, ROOT, Daemon, wait_for  # noqa: E402

PROGRAM = os.path.join(BUILD, "targets", "deep_leak")
LONG = os.environ.get("LEAKD_LONG") == "1"
LEVELS = 29


def line_of_the_leak():
    path = os.path.join(ROOT, "tests/targets/deep_leak.cc")
    with open(path, encoding="utf-8") as file:
        return next(n for n, line in enumerate(file, 1) if "// the leak" in line)


@unittest.skipUnless(os.path.exists(PROGRAM), "no C++ compiler")
class DeepLeak(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.close)
        self.daemon.start()

    def check_culprit(self, site):
        culprit = site["culprit"]
        self.assertEqual(os.path.basename(culprit["file"]), "deep_leak.cc")
        self.assertEqual((culprit["function"].split("(")[0], culprit["line"]),
                         ("forget", line_of_the_leak()))

    def check_site(self, site):
        """The line, and every frame from there to main once and in order."""
        self.check_culprit(site)
        names = [frame["function"].split("(")[0] for frame in site["frames"]]
        first = names.index("forget")
        self.assertTrue(all("Level" in name or name == "go" for name in
                            names[first + 1:first + 1 + LEVELS]), names)
        self.assertEqual(names[first + 1 + LEVELS], "main")

    def site_of_the_leak(self, program):
        process = self.daemon.process_of(program.pid)

        def found():
            sites = self.daemon.get(f"/api/v1/processes/{process['id']}/sites?sort=live")["sites"]
            named = [site for site in sites if site["culprit"] and
                     (site["culprit"]["function"] or "").startswith("forget")]
            return named and named[0]["frames"][-1]["function"] and named[0]

        return wait_for(found, 30, "the site of the leak with its symbols", 0.5)

    def test_a_stack_thirty_deep_is_whole_and_its_line_named(self):
        program = self.daemon.run(PROGRAM, "20000", name="deep", period=4096)
        self.check_site(self.site_of_the_leak(program))

    @unittest.skipUnless(LONG, "LEAKD_LONG=1")
    def test_a_kilobyte_a_second_is_found_and_attributed(self):
        started = time.monotonic()
        program = self.daemon.run(PROGRAM, "1024", name="deep", profile="fast")
        self.daemon.process_of(program.pid, seconds=1800, verdict="leak")
        print(f"# a leak of 1 KiB/s was told after {time.monotonic() - started:.0f} s", flush=True)

        def sites():
            listed = self.daemon.get("/api/v1/incidents")["incidents"]
            incident = listed and self.daemon.get("/api/v1/incidents/" + listed[0]["id"])
            return incident and incident["sites"]

        # An incident keeps the part of a stack around the culprit, the process's page all of it.
        self.check_culprit(wait_for(sites, 120, "an incident with its sites")[0])
        self.check_site(self.site_of_the_leak(program))


if __name__ == "__main__":
    unittest.main()
