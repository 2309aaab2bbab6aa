# SPDX-License-Identifier: MIT
"""What programs notice of the agent: nothing. Each target runs bare and loaded; exit status and
output must be the same, and the daemon must have been told the truth."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from loaded import (AGENT, LONG, NOBODY, Torture, clean_environment,  # noqa: E402
                    loaded_environment, run, target)


# The programs that vfork and spawn live longer than that, their children do not.
PARENTS_ONLY_MS = 1500


class Totals(Torture):
    FIELDS = ("alloc_bytes", "alloc_count", "free_bytes", "free_count")

    def check_shadow(self, threads, operations, seed, keep=0, waves=1, slack=0, **settings):
        """The agent's totals of a run less those of an idle run are the program's own model.

        slack: bytes by which they may differ, because libc's own blocks are cut from a heap
        that looks different in the two runs."""
        argv = [target("shadow"), str(threads), "0", str(seed), str(keep), str(waves)]
        idle, _ = self.last_agent(argv, **settings)
        argv[2] = str(operations)
        agent, out = self.last_agent(argv, **settings)
        seen = [agent.native[f] - idle.native[f] for f in self.FIELDS]
        model = [int(word) for word in out.split()]
        self.assertEqual(seen[1::2], model[1::2])
        for one, other in zip(seen[::2], model[::2]):
            self.assertLessEqual(abs(one - other), slack)
        self.assertEqual(wire.METHODS[agent.native["method"]], "exact")
        return idle, agent

    def test_equal_a_shadow_model_to_the_byte_in_one_thread(self):
        self.check_shadow(1, 100000, 1)

    def test_equal_a_shadow_model_to_the_byte_with_frees_in_other_threads(self):
        self.check_shadow(8, 60000, 2, keep=100)

    @unittest.skipUnless(LONG, "LEAKD_LONG=1")
    def test_equal_a_shadow_model_to_the_byte_after_ten_million_operations(self):
        self.check_shadow(8, 1250000, 3)

    def test_sites_equal_the_model_to_the_byte_when_every_block_is_sampled(self):
        idle, agent = self.check_shadow(4, 3000, 4, keep=50, period=1, python="off")
        kept = agent.native["live_bytes"] - idle.native["live_bytes"]
        self.assertEqual(agent.health["dropped_samples"], 0)
        self.assertEqual(agent.live_bytes_of_sites() - idle.live_bytes_of_sites(), kept)
        self.assertEqual(sum(s["live_samples"] for s in agent.site_totals.values()) -
                         sum(s["live_samples"] for s in idle.site_totals.values()), 50)

    def test_sampled_sums_are_near_the_exact_ones(self):
        agent, _ = self.last_agent([target("shadow"), "2", "200000", "5", "0"], period=4096)
        sampled = sum(s["alloc_bytes"] for s in agent.site_totals.values())
        exact = agent.native["alloc_bytes"]
        # Poisson: the standard deviation is exact * sqrt(period / exact); five of them.
        self.assertLess(abs(sampled - exact), 5 * (exact * 4096) ** 0.5)

    def test_blocks_of_short_threads_one_after_the_other_are_sampled(self):
        period = 100000  # eight threads' worth
        agent, _ = self.last_agent([target("many_threads"), "1", "500"], period=period)
        expected = agent.native["alloc_bytes"] / period
        self.assertGreater(expected, 40)
        self.assertLess(abs(agent.health["samples"] - expected), 5 * expected ** 0.5)

    def test_threads_that_end_leave_their_totals(self):
        self.check_shadow(30, 1000, 6, waves=10, slack=16 * 30 * 10)


class SameAsBare(Torture):
    def test_children_forked_beside_busy_threads_all_end_well(self):
        out = self.same([target("forks"), "20000" if LONG else "300"], 600, period=4096)
        self.assertIn(" 0 ended badly", out)

    def test_sampling_goes_on_after_siglongjmps_out_of_malloc(self):
        argv = [target("jumps"), "jump", "20000" if LONG else "800"]
        self.assertEqual(self.same(argv, 300, period=64), "survived\n")
        agent = self.agents(1)[0]
        # 100,000 blocks of 100 bytes are hit after the last jump alone.
        self.assertGreater(agent.health["samples"], 50000)

    def test_signal_handlers_may_allocate(self):
        argv = [target("jumps"), "alloc", "20000" if LONG else "800"]
        self.assertEqual(self.same(argv, 300, period=64), "survived\n")

    def test_two_thousand_threads_at_once(self):
        self.same([target("many_threads"), "2000", "5" if LONG else "1"], period=4096)

    @unittest.skipUnless(LONG, "LEAKD_LONG=1")
    def test_ten_thousand_threads_in_waves(self):
        self.same([target("many_threads"), "1000", "10"], 120)

    def test_calloc_before_every_constructor(self):
        self.same([target("early")])
        self.same([target("early")], ld_debug="")

    def test_results_and_errno_at_the_edges_of_the_contract(self):
        self.same([target("errnos")], period=512)

    def test_edges_of_the_contract_when_there_is_no_memory_for_the_agents_tables(self):
        inert = 0
        for limit in range(3_000_000, 9_000_000, 250_000):
            argv = ["prlimit", f"--as={limit}", target("errnos")]
            before = len(self.daemon.agents)
            loaded = self.run_loaded(argv)
            if loaded[0] != 0 or b"ld.so" in loaded[2]:
                continue  # no memory for the libraries themselves
            self.assertEqual(loaded, run(argv, clean_environment()))
            named = [a for a in self.daemon.agents[before:]
                     if a.hello and a.hello["argv0"].endswith("errnos")]
            inert += not named
        self.assertGreater(inert, 0)

    def test_the_loaders_last_error_stays_the_programs(self):
        self.assertIn("at the start: none", self.same([target("dlerrors")]))

    def test_no_thread_no_descriptor_no_signal_is_seen(self):
        self.same([target("portrait")])
        self.assertEqual(len(self.daemon.agents), 1)

    def test_user_namespace(self):
        self.same([target("ways_out"), "unshare"])

    def test_process_ends_when_its_last_thread_does(self):
        self.same([target("ways_out"), "pthread_exit"], timeout=30)

    def test_status_of__exit(self):
        self.same([target("ways_out"), "_exit"])
        self.assertEqual(self.agents(1)[0].bye["reason"], wire.BYE_EXIT)

    def test_tiny_limits(self):
        for limit in ("--as=20000000", "--nofile=4", "--nproc=1", "--stack=65536"):
            self.same(["prlimit", limit, "ls", "/bin/sh"])

    def test_shell_pipelines(self):
        self.same(["sh", "-c", "for i in 1 2 3 4 5; do echo $i | cat | sed s/1/x/; done; (exit 3)"])

    def test_programs_under_valgrind_are_left_alone(self):
        if run(["sh", "-c", "command -v valgrind"], clean_environment())[0] != 0:
            self.skipTest("no valgrind")
        argv = ["valgrind", "-q", "--error-exitcode=9", target("early")]
        if b"debuginfo reader" in self.run_loaded(argv)[2]:
            self.skipTest("this valgrind cannot read this compiler's debug information")
        self.same(argv, timeout=120)
        names = [os.path.basename(a.hello["argv0"]) for a in self.daemon.agents if a.hello]
        self.assertNotIn("early", names)


class Ways(Torture):
    def test_a_malloc_that_is_not_ours_is_said_and_no_figure_is_made_up(self):
        out = self.same([target("own_malloc")])
        self.assertEqual(out.strip(), "own malloc")
        self.daemon.wait(lambda d: d.agents and d.agents[0].hello)
        hello = self.daemon.agents[0].hello
        self.assertIn("must come first", str(hello["reason"]))
        self.assertEqual(hello["method"][0], 0)

    def check_half_freed(self, way):
        out = self.same([target("ways_out"), way])
        self.assertEqual(out, way + ": 0\n")
        parent, child = sorted(self.agents(2), key=lambda a: len(a.totals), reverse=True)
        if parent.hello["capabilities"] & wire.CAP_FORKED:
            parent, child = child, parent
        self.assertTrue(child.hello["capabilities"] & wire.CAP_FORKED)
        self.assertNotEqual(child.hello["instance"], parent.hello["instance"])
        self.assertEqual(child.hello["parent_pid"], parent.hello["pid"])
        return parent.native, child.native

    def test_a_forked_child_counts_on_from_what_it_inherited(self):
        parent, child = self.check_half_freed("fork")
        self.assertEqual(parent["live_count"] - child["live_count"], 500)
        self.assertEqual(parent["live_bytes"] - child["live_bytes"], 500 * 1008)
        self.assertEqual(child["alloc_bytes"] - child["free_bytes"], child["live_bytes"])
        # libc may free something of its own in the child.
        self.assertIn(child["free_count"] - 500 * 1000, (500, 501, 502))

    def test_who_forks_and_allocates_nothing_is_heard_of(self):
        self.assertEqual(self.same([target("ways_out"), "fork_quietly"], delay_ms=200),
                         "fork_quietly: 0\n")
        agent = self.agents(1)[0]
        self.assertFalse(agent.hello["capabilities"] & wire.CAP_FORKED)
        self.assertEqual(agent.bye["reason"], wire.BYE_EXIT)

    def test_a_child_of_raw_clone_is_a_process_of_its_own(self):
        parent, child = self.check_half_freed("clone")
        self.assertEqual(parent["live_bytes"] - child["live_bytes"], 500 * 1008)

    def test_vfork_children_do_not_disturb_the_parent(self):
        self.same([target("ways_out"), "vfork"], delay_ms=PARENTS_ONLY_MS)
        agents = self.agents(1)
        self.assertEqual(len(self.daemon.agents), 1)
        self.assertEqual(agents[0].bye["reason"], wire.BYE_EXIT)

    def test_a_vfork_childs_sandbox_does_not_silence_the_parent(self):
        self.assertEqual(self.same([target("ways_out"), "vfork_prctl"]), "vfork_prctl: 0\n")
        self.assertEqual(self.agents(1)[0].bye["reason"], wire.BYE_EXIT)

    def test_spawned_programs(self):
        self.same([target("ways_out"), "spawn"], delay_ms=PARENTS_ONLY_MS)
        self.assertEqual(len(self.daemon.agents), 1)

    def test_exec_in_a_row(self):
        self.same([target("ways_out"), "exec", "30"])

    def check_sandbox(self, way):
        out = self.same([target("ways_out"), way], period=4096)
        self.assertIn("alive in the sandbox", out)
        self.assertEqual(self.agents(1)[0].bye["reason"], wire.BYE_SECCOMP)

    def test_no_system_call_after_a_filter_by_prctl(self):
        self.check_sandbox("prctl")

    def test_no_system_call_after_a_filter_by_seccomp(self):
        self.check_sandbox("seccomp")

    def test_no_byte_goes_into_descriptors_that_the_program_reuses(self):
        for how in ("range", "loop", "over"):
            self.assertEqual(self.run_loaded([target("descriptors"), how]),
                             (0, b"stray bytes: 0\n", b""))

    def test_children_are_spared_on_request(self):
        show = ["sh", "-c", "env | grep -c LD_PRELOAD"]
        self.assertEqual(self.run_loaded(show)[1], b"1\n")
        self.assertEqual(self.run_loaded(show, children=0)[1], b"0\n")
        env = loaded_environment(self.daemon, children=0)
        other = os.path.join(os.path.dirname(AGENT), "libother.so")
        env["LD_PRELOAD"] = AGENT + ":" + other
        self.assertEqual(run(["sh", "-c", "exec 2>/dev/null; env | grep LD_PRELOAD"], env)[1],
                         b"LD_PRELOAD=" + other.encode() + b"\n")


class Link(Torture):
    # Until its input ends, so that no host is too slow for what is waited for.
    BUSY = ("my @a; vec(my $input, 0, 1) = 1; "
            "while (!select(my $ready = $input, undef, undef, 0.01)) "
            "{ push @a, 'x' x 1000 for 1..100; @a = () if @a > 80000 }")

    def start(self, **settings):
        process = subprocess.Popen(["perl", "-e", self.BUSY], stdin=subprocess.PIPE,
                                   env=loaded_environment(self.daemon, **settings))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdin.close)
        return process

    def test_totals_come_once_a_second(self):
        self.start()
        agent = self.daemon.wait(lambda d: d.agents and d.agents[0])

        def pauses():
            times = [t["time_ms"] for t in agent.totals]
            return [b - a for a, b in zip(times[1:], times[2:])]

        # A program that gets no processor cannot speak: some pauses may be longer.
        self.daemon.wait(lambda d: sum(pause <= 1500 for pause in pauses()) >= 2)
        self.assertGreaterEqual(min(pauses()), 900)

    def test_a_lost_connection_comes_back_and_announces_everything_anew(self):
        self.start(period=20000)
        first = self.daemon.wait(lambda d: d.agents and d.agents[0].site_totals and d.agents[0])
        self.daemon.hang_up(first)
        second = self.daemon.wait(lambda d: len(d.agents) > 1 and d.agents[1].site_totals and
                                  d.agents[1])
        self.assertEqual(first.hello["instance"], second.hello["instance"])
        self.daemon.wait(lambda d: set(second.sites) >= set(first.sites) and
                         set(second.modules) >= set(first.modules))
        self.assertGreaterEqual(second.native["alloc_bytes"], first.native["alloc_bytes"])

    def test_zoom_orders_are_obeyed(self):
        self.start()
        agent = self.daemon.wait(lambda d: d.agents and d.agents[0].health and d.agents[0])
        before = agent.health["samples"]
        self.daemon.send(agent, wire.encode("ZOOM", period_bytes=4096, python=0))
        self.daemon.wait(lambda d: agent.health["sample_period_bytes"] == 4096 and
                         agent.health["samples"] > before + 500)

    def test_pause_and_frames_of_later_versions(self):
        self.start()
        agent = self.daemon.wait(lambda d: d.agents and d.agents[0].health and d.agents[0])
        self.daemon.send(agent, b"\x10\x27\0\0\xc8\0\0\0" + bytes(10000) +
                         wire.encode("PAUSE", duration_ms=3000))

        def longest_pause():
            times = [t["time_ms"] for t in agent.totals]
            return max(b - a for a, b in zip(times, times[1:] + times[-1:]))

        self.daemon.wait(lambda d: longest_pause() >= 3000)

    def test_nonsense_from_the_daemon_costs_the_connection_only(self):
        process = self.start()
        agent = self.daemon.wait(lambda d: d.agents and d.agents[0].health and d.agents[0])
        self.daemon.send(agent, b"\xff" * 300)
        self.daemon.wait(lambda d: len(d.agents) > 1 and d.agents[1].hello)
        process.stdin.close()
        self.assertEqual(process.wait(), 0)

    def test_a_daemon_that_does_not_read_is_never_waited_for(self):
        argv = ["perl", "-e", "$h{$_ % 5000} = 'x' x ($_ % 3000) for 1..400000; print 'ok'"]
        with wire.Daemon() as deaf:
            deaf.read_all = lambda agent, connection: None
            env = loaded_environment(deaf, period=500)
            self.assertEqual(run(argv, env, 30), (0, b"ok", b""))

    def test_nobody_is_told_anything_without_a_socket(self):
        for path in ("/nonexistent/agent.sock", "/dev/null", "/" + "x" * 300):
            env = loaded_environment(self.daemon, socket=path)
            self.assertEqual(run([target("early")], env), run([target("early")], clean_environment()))

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_another_users_server_is_told_nothing(self):
        folder = self.daemon.folder
        path = os.path.join(folder, "fake.sock")
        os.chmod(folder, 0o777)
        listener = subprocess.Popen(
            ["/usr/bin/python3", "-c", "import socket,sys\n"
             "s=socket.socket(socket.AF_UNIX);s.bind(sys.argv[1]);s.listen(9)\n"
             "print(flush=True);s.settimeout(5);c=s.accept()[0];print(len(c.recv(9)))", path],
            user=NOBODY, stdout=subprocess.PIPE)
        listener.stdout.readline()
        env = loaded_environment(self.daemon, socket=path)
        self.assertEqual(run([target("portrait")], env)[0], 0)
        self.assertEqual(listener.communicate()[0], b"0\n")
        os.unlink(path)

    def test_short_programs_are_never_heard_of(self):
        for argv in (["true"], ["ls", "/"]):
            self.run_loaded(argv, delay_ms=30000)  # on no host do they live as long
        self.assertEqual(self.daemon.agents, [])


if __name__ == "__main__":
    unittest.main()
