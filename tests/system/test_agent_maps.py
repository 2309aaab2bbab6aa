# SPDX-License-Identifier: MIT
"""Memory that programs map for themselves, domain mmap: exact to the page whatever they do with it, seen
by its line, counted once, and not at all where another allocator maps for itself."""
import os
import re
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pythons  # noqa: E402
import wire  # noqa: E402
from daemon import ROOT, Daemon, wait_for  # noqa: E402
from loaded import (AGENT, LONG, Torture, clean_environment, loaded_environment,  # noqa: E402
                    run, target)

MIB = 1 << 20
ALLOCATORS = ("libjemalloc.so.2", "libtcmalloc_minimal.so.4", "libmimalloc.so.2")
MMAP = wire.DOMAINS.index("mmap")


def live_bytes_of_sites(agent):
    return sum(totals["alloc_bytes"] - totals["free_bytes"]
               for number, totals in agent.site_totals.items()
               if number and agent.sites[number]["domain"] == MMAP)


class Books(Torture):
    def check_model(self, threads, operations, seed, **settings):
        argv = [target("maps"), "model", str(threads), str(operations), str(seed)]
        agent, out = self.last_agent(argv, **settings)
        mapped = agent.domain("mmap")
        self.assertEqual([mapped["live_bytes"], mapped["live_count"]],
                         [int(word) for word in out.split()])
        self.assertEqual(mapped["alloc_bytes"] - mapped["free_bytes"], mapped["live_bytes"])
        self.assertEqual(wire.METHODS[mapped["method"]], "exact")
        return agent, mapped

    def test_equal_a_shadow_model_to_the_page(self):
        for seed in (1, 2, 3):
            self.check_model(1, 3000, seed)

    def test_equal_a_shadow_model_with_threads_that_get_each_others_ranges(self):
        self.check_model(8, 200000 if LONG else 10000, 4)

    def test_sites_equal_the_model_when_every_mapping_is_sampled(self):
        agent, mapped = self.check_model(4, 5000, 5, period=1)
        self.assertEqual(agent.health["dropped_samples"], 0)
        self.assertEqual(live_bytes_of_sites(agent), mapped["live_bytes"])

    def test_a_child_counts_on_from_what_it_inherited_and_a_vfork_child_maps_for_its_parent(self):
        self.assertEqual(self.same([target("maps"), "fork"]), "fork: 0\nvfork: 0\n")
        agents = self.agents(2)
        self.assertEqual(len(self.daemon.agents), 2)
        parent, child = sorted(agents, key=lambda a: a.hello["capabilities"] & wire.CAP_FORKED)
        parent, child = parent.domain("mmap"), child.domain("mmap")
        self.assertEqual((child["live_bytes"], child["live_count"]), (20 * MIB, 20))
        self.assertEqual((child["alloc_bytes"], child["free_bytes"]), (40 * MIB, 20 * MIB))
        self.assertEqual((parent["live_bytes"], parent["live_count"]), (42 * MIB, 40))


class Harmless(Torture):
    def test_results_and_errno_at_the_edges_of_the_contract(self):
        for period in (1, 524288):
            self.assertIn("the data has moved: 1", self.same([target("maps"), "edges"], period=period))

    def test_a_library_may_map_while_the_loader_relocates_it(self):
        library = target("libresolver.so")
        bare = run([target("early")], dict(clean_environment(), LD_PRELOAD=library))
        self.assertIn(b"resolver: 1", bare[1])
        for order in ((AGENT, library), (library, AGENT)):
            env = dict(loaded_environment(self.daemon), LD_PRELOAD=":".join(order))
            self.assertEqual(run([target("early")], env), bare)

    def test_who_stands_behind_and_has_only_mmap64_is_called(self):
        library = target("libmapper64.so")
        argv = [target("maps"), "edges"]
        bare = run(argv, dict(clean_environment(), LD_PRELOAD=library))
        self.assertEqual((bare[0], bare[2]), (0, b"mmap64 of 4096 bytes\n"))
        for order in ((AGENT, library), (library, AGENT)):
            env = dict(loaded_environment(self.daemon), LD_PRELOAD=":".join(order))
            self.assertEqual(run(argv, env), bare)

    @unittest.skipUnless(shutil.which("strace"), "no strace")
    def test_no_system_call_is_added_to_the_programs(self):
        def calls(operations, env):
            with tempfile.NamedTemporaryFile() as trace:
                argv = ["strace", "-f", "-o", trace.name, target("maps"), "model", "1",
                        str(operations), "7"]
                if run(argv, env)[0] != 0:
                    self.skipTest("strace may not trace here")
                return sum(b"resumed" not in line for line in trace)

        loaded = loaded_environment(self.daemon, delay_ms=3600000)
        self.assertEqual(calls(3000, loaded) - calls(100, loaded),
                         calls(3000, clean_environment()) - calls(100, clean_environment()))


class Coverage(Torture):
    def test_an_allocator_that_maps_for_itself_is_not_counted_and_that_is_said(self):
        libraries = [path for path in (os.path.join("/usr/lib/x86_64-linux-gnu", name)
                                       for name in ALLOCATORS) if os.path.exists(path)]
        if not libraries:
            self.skipTest("no other allocator is installed")
        for library in libraries:
            for preload, reason in ((AGENT + ":" + library, "maps for itself"),
                                    (library + ":" + AGENT, "must come first")):
                before = len(self.daemon.agents)
                env = dict(loaded_environment(self.daemon), LD_PRELOAD=preload)
                status, _, err = run([target("maps"), "model", "2", "500", "1"], env)
                self.assertEqual((status, err), (0, b""), preload)
                agent = self.agents(before + 1)[before]
                self.assertEqual(agent.hello["method"][MMAP], 0)
                self.assertIn(reason, agent.hello["reason"])
                self.assertIsNone(agent.domain("mmap"))

    def python_domains(self, interpreter, **settings):
        code = ("import mmap, os\n"
                "keep = [[i] for i in range(300000)]\n"
                f"mapped = mmap.mmap(-1, {8 * MIB})\n"
                "os._exit(0)\n")  # with all of it alive
        agent, _ = self.last_agent([interpreter, "-c", code], **settings)
        return agent.domain("python"), agent.domain("mmap")

    def test_pythons_arenas_are_counted_once(self):
        for version, python in pythons.INTERPRETERS.items():
            with self.subTest(version):
                blocks, mapped = self.python_domains(python)
                self.assertGreater(blocks["mapped_bytes"], 20 * MIB)
                # Beside it a few pages of the interpreter's own: from 3.11 its frames' stacks.
                self.assertGreaterEqual(mapped["live_bytes"], 8 * MIB)
                self.assertLess(mapped["live_bytes"], 9 * MIB)
                self.assertEqual(mapped["live_bytes"] % 4096, 0)

    def test_pythons_arenas_are_counted_as_maps_where_python_is_not_looked_at(self):
        blocks, mapped = self.python_domains(sys.executable, python="off")
        self.assertIsNone(blocks)
        self.assertGreater(mapped["live_bytes"], 28 * MIB)


def line_of(path, text):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if text in line)


class WholePath(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.close)
        self.daemon.start()

    def start(self, **settings):
        program = self.daemon.run(target("maps"), "leak", "100000", name="maps", **settings)
        return self.daemon.process_of(program.pid)["id"]

    def check_site(self, site):
        self.assertEqual((site["culprit"]["function"], site["culprit"]["line"]),
                         ("keep_map", line_of("tests/targets/maps.c", "/* the leak */")))

    def test_maps_that_are_kept_are_shown_by_their_line(self):
        process = self.start(period=65536)

        def found():
            sites = self.daemon.get(f"/api/v1/processes/{process}/sites?sort=live")["sites"]
            named = [site for site in sites if site["culprit"] and site["culprit"]["line"] and
                     re.match("keep_map", site["culprit"]["function"] or "")]
            return named and named[0]

        site = wait_for(found, 30, "the site of the leak with its symbols", 0.5)
        self.check_site(site)
        self.assertEqual(site["domain"], "mmap")
        domain = self.daemon.get("/api/v1/processes/" + process)["domains"]["mmap"]
        self.assertEqual(domain["method"], "exact")
        self.assertEqual(domain["live_bytes"], domain["live_count"] * 256 * 1024)
        shown = self.daemon.ctl("show", process, "--socket", self.daemon.api_path)
        self.assertRegex(shown.stdout, r"mmap +.* in \d+ pieces that the program maps itself")

    @unittest.skipUnless(LONG, "LEAKD_LONG=1")
    def test_maps_that_are_kept_are_a_leak(self):
        process = self.start(profile="fast")
        wait_for(lambda: self.daemon.get("/api/v1/processes/" + process)["verdict"] == "leak", 600,
                 "the verdict", 1)

        def sites():
            listed = self.daemon.get("/api/v1/incidents")["incidents"]
            incident = listed and self.daemon.get("/api/v1/incidents/" + listed[0]["id"])
            return incident and incident["sites"]

        self.check_site(wait_for(sites, 120, "an incident with its sites")[0])


if __name__ == "__main__":
    unittest.main()
