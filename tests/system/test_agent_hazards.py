# SPDX-License-Identifier: MIT
"""What has broken other agents, one case each (tests/targets/README.md has the list): the program
must not notice, and the figures must stay right."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import wire  # noqa: E402
from daemon import PYTHON  # noqa: E402
from post_mortem import make_group, remove_group  # noqa: E402
from loaded import (AGENT, LONG, NOBODY, Torture, clean_environment,  # noqa: E402
                    loaded_environment, run, target)

LIBRARIES = "/usr/lib/x86_64-linux-gnu/"
ALLOCATORS = {"jemalloc": LIBRARIES + "libjemalloc.so.2",
              "tcmalloc": LIBRARIES + "libtcmalloc_minimal.so.4",
              "mimalloc": LIBRARIES + "libmimalloc.so.2"}
ROOT_USER = os.geteuid() == 0
AGENT_BYTES_MAX = 6 << 20  # agent/README.md: 5.8 MiB of its own, never reached


def preload(env, *libraries):
    return dict(env, LD_PRELOAD=":".join(libraries))


class Folder(Torture):
    """With a folder that goes away."""

    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="leakd-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)


class Loading(Folder):
    def test_another_preloaded_library_that_allocates_in_open_mmap_and_sigprocmask(self):
        other = target("libinterposer.so")
        bare = run([target("errnos")], preload(clean_environment(), other))
        for order in ((AGENT, other), (other, AGENT)):
            env = preload(loaded_environment(self.daemon), *order)
            self.assertEqual(run([target("errnos")], env), bare)
        self.assertEqual(bare[0], 0)
        self.assertEqual(len(self.agents(2)), 2)

    def test_binding_now_later_and_with_the_loader_talking(self):
        for settings in ({"LD_BIND_NOW": "1"}, {"LD_DEBUG": "all", "LD_DEBUG_OUTPUT":
                                                os.path.join(self.folder, "ld")}):
            bare = run([target("early")], dict(clean_environment(), **settings))
            loaded = run([target("early")], dict(loaded_environment(self.daemon), **settings))
            self.assertEqual(loaded, bare)

    def test_beside_a_library_that_audits_the_loader(self):
        settings = {"LD_AUDIT": target("libauditor.so")}
        for words in (["early"], ["forks", "20"], ["maps", "edges"]):
            argv = [target(words[0]), *words[1:]]
            bare = run(argv, dict(clean_environment(), **settings))
            loaded = run(argv, dict(loaded_environment(self.daemon, period=4096), **settings))
            self.assertEqual(loaded, bare)
            self.assertEqual(bare[0], 0)

    def test_beside_others_that_stand_before_libc(self):
        script = ("echo x >f && chown 12:34 f; stat -c '%u %g' f; date +%Y; "
                  "perl -e '$h{$_} = 1 x 500 for 1..3000; print scalar keys %h'")
        wrappers = [words for words in (["fakeroot"], ["faketime", "2001-02-03 04:05:06"],
                                        ["eatmydata"]) if shutil.which(words[0])]
        if not wrappers:
            self.skipTest("no fakeroot, faketime or eatmydata")
        for words in wrappers:
            with self.subTest(words[0]):
                before = len(self.daemon.agents)
                argv = [*words, "sh", "-c", script]
                bare = run(argv, clean_environment(), cwd=self.folder)
                loaded = run(argv, loaded_environment(self.daemon), cwd=self.folder)
                self.assertEqual(loaded, bare)
                self.assertEqual(bare[0], 0)
                self.agents(before + 1)

    def test_a_static_program_is_not_reached_and_says_nothing(self):
        self.assertEqual(self.same([target("still")]), "still\n")
        self.assertEqual(self.daemon.agents, [])

    def test_loading_the_agent_late_and_often_changes_nothing(self):
        out = run([target("dlways"), AGENT], clean_environment())
        self.assertEqual((out[0], out[2]), (0, b""))
        self.assertIn(b"opened 1000 times", out[1])

    @unittest.skipUnless(os.path.exists(target("libplugin.so")), "no C++ compiler")
    def test_the_loaders_answers_do_not_depend_on_the_agent(self):
        out = self.same([target("dlways"), target("libplugin.so")], period=512)
        self.assertIn("opened 1000 times", out)
        self.assertIn("plugin by $ORIGIN: there", out)

    def test_a_mark_asks_the_loader_for_nothing_though_a_library_is_called_like_pythons(self):
        library = os.path.join(self.folder, "libpythonless.so")
        shutil.copy(LIBRARIES + "libm.so.6", library)
        out = self.same([target("dlerrors"), library])
        self.assertEqual(out.count("/nonexistent/library.so"), 2, out)
        self.assertNotIn("Py", out)

    def test_the_agents_file_is_replaced_under_running_programs(self):
        path = os.path.join(self.folder, "libleakagent.so")
        shutil.copy(AGENT, path)
        env = preload(loaded_environment(self.daemon), path)
        running = [subprocess.Popen([target("portrait")], env=env, stdout=subprocess.DEVNULL)
                   for _ in range(4)]
        while any(process.poll() is None for process in running):
            shutil.copy(AGENT, path + ".new")
            os.rename(path + ".new", path)
            self.assertEqual(run(["true"], env), (0, b"", b""))
        self.assertEqual([process.returncode for process in running], [0] * 4)

    @unittest.skipUnless(ROOT_USER, "needs root")
    def test_a_setuid_program_runs_without_the_agent(self):
        path = os.path.join(self.folder, "portrait")
        shutil.copy(target("portrait"), path)
        os.chown(path, NOBODY, NOBODY)
        os.chmod(path, 0o6755)
        os.chmod(self.folder, 0o755)
        self.same([path])
        self.assertEqual(self.daemon.agents, [])


class NextAllocator(Folder):
    """Another allocator behind the agent, or in front of it."""

    def check(self, name):
        library = self.library(name)
        for words in (["shadow", "4", "20000", "9", "0"], ["errnos"], ["forks", "50"], ["late"]):
            argv = [target(words[0]), *words[1:]]
            bare = run(argv, preload(clean_environment(), library))
            loaded = run(argv, preload(loaded_environment(self.daemon, period=4096), AGENT, library))
            if words[0] == "shadow":  # its model is of the allocator's rounding: only its counts
                bare, loaded = (((r[0], r[1].split()[1::2], r[2])) for r in (bare, loaded))
            self.assertEqual(loaded, bare, words)
        first = self.daemon.agents[0]
        self.assertEqual(wire.METHODS[first.native["method"]], "usable")
        self.assertIn("C++'s operators and the allocator's own functions", first.hello["reason"])
        env = preload(loaded_environment(self.daemon), library, AGENT)
        self.assertEqual(run([target("late")], env)[:1], (42,))

    def library(self, name):
        if not os.path.exists(ALLOCATORS[name]):
            self.skipTest(f"no {os.path.basename(ALLOCATORS[name])}")
        return ALLOCATORS[name]

    def shadow(self, library, threads, operations, keep, **settings):
        """Totals of a run, and the program's own model without the header that it adds for glibc."""
        before = len(self.daemon.agents)
        argv = [target("shadow"), str(threads), str(operations), "17", str(keep)]
        env = preload(loaded_environment(self.daemon, **settings), AGENT, library)
        status, out, err = run(argv, env)
        self.assertEqual((status, err), (0, b""))
        made, made_count, freed, freed_count = map(int, out.split())
        model = made - 8 * made_count, made_count, freed - 8 * freed_count, freed_count
        return self.agents(before + 1)[-1], model

    def check_model(self, name):
        library = self.library(name)
        fields = ("alloc_bytes", "alloc_count", "free_bytes", "free_count")
        for threads, operations, settings in ((1, 60000, {}), (8, 20000, {}), (4, 3000, {"period": 1})):
            idle, _ = self.shadow(library, threads, 0, 0, **settings)
            agent, model = self.shadow(library, threads, operations, 50, **settings)
            seen = tuple(agent.native[f] - idle.native[f] for f in fields)
            self.assertEqual(seen, model, (threads, settings))
            self.assertEqual(wire.METHODS[agent.native["method"]], "usable")
            if settings:  # every block a sample
                kept = sum(s["live_samples"] for s in agent.site_totals.values())
                self.assertEqual(kept - sum(s["live_samples"] for s in idle.site_totals.values()), 50)

    def test_jemalloc(self):
        self.check("jemalloc")

    def test_tcmalloc(self):
        self.check("tcmalloc")

    def test_mimalloc(self):
        self.check("mimalloc")

    def questions(self, name):
        """How often malloc and calloc ask for the size of a block, of 10,000 each, and free, of all."""
        env = preload(loaded_environment(self.daemon), AGENT, target("libusable.so"), self.library(name))
        status, out, err = run([target("questions")], env)
        self.assertEqual((status, err), (0, b""))
        return tuple(map(int, out.split()))

    def test_malloc_and_free_above_jemalloc_know_the_sizes_of_blocks(self):
        by_malloc, by_calloc, by_free = self.questions("jemalloc")
        self.assertLess(by_malloc, 1000)  # now and then, on the slow path
        self.assertGreaterEqual(by_calloc, 10000)
        self.assertLess(by_free, 1000)

    def test_malloc_above_who_promises_nothing_asks_for_the_sizes_of_blocks(self):
        self.assertGreaterEqual(min(self.questions("tcmalloc")), 10000)

    def what_passes(self, *libraries):
        before = len(self.daemon.agents)
        env = preload(loaded_environment(self.daemon), AGENT, *libraries)
        self.assertEqual(run([target("late")], env)[:1], (42,))
        return self.agents(before + 1)[-1].hello["reason"]

    def test_operators_of_the_standard_library_in_front_of_another_allocator_are_seen(self):
        reason = self.what_passes(LIBRARIES + "libstdc++.so.6", self.library("jemalloc"))
        self.assertIn("native: the allocator's own functions", reason)
        self.assertNotIn("C++", reason)

    def test_above_glibc_nothing_of_malloc_passes(self):
        self.assertNotIn("native:", self.what_passes())

    def test_totals_equal_a_shadow_model_to_the_byte_above_jemalloc(self):
        self.check_model("jemalloc")

    def test_totals_equal_a_shadow_model_to_the_byte_above_tcmalloc(self):
        self.check_model("tcmalloc")

    def test_totals_equal_a_shadow_model_to_the_byte_above_mimalloc(self):
        self.check_model("mimalloc")


class Totals(Torture):
    def test_every_site_is_zero_at_the_end_when_all_is_freed(self):
        threads, operations = ("8", "40000") if LONG else ("4", "6000")
        words = [target("shadow"), threads, "0", "11", "0"]
        idle, _ = self.last_agent(words, period=1, python="off")
        words[2] = operations
        agent, _ = self.last_agent(words, period=1, python="off")
        self.assertEqual(agent.health["dropped_samples"], 0)
        self.assertEqual(agent.live_bytes_of_sites(), idle.live_bytes_of_sites())
        self.assertEqual(agent.native["live_bytes"], idle.native["live_bytes"])

    def test_more_living_samples_than_the_table_holds_are_counted_and_thinned(self):
        count = 500000
        code = f"my @a; $a[$_] = 'x' x 20 for 0..{count}; sleep 2; push @a, 'x' x 9999 for 1..50"
        agent, _ = self.last_agent(["perl", "-e", code], period=1, python="off")
        self.assertGreater(agent.health["dropped_samples"], 0)
        self.assertGreater(agent.health["sample_period_bytes"], 1)
        self.assertGreater(agent.native["alloc_count"], count)

    def test_blocks_past_the_agent_full_use_and_huge_maps(self):
        out = self.same([target("foreign"), "20000"], period=64)
        self.assertIn("0 bytes were touched by others", out)


class Tasks(Torture):
    def test_fork_handlers_that_allocate_and_children_by_clone3_and_shared_memory(self):
        out = self.same([target("atforks"), "3000" if LONG else "90"], period=64)
        self.assertRegex(out, r"^(\d+) of \1 ended well")

    def test_a_thread_that_is_cancelled_while_it_allocates_finishes_its_round(self):
        out = self.same([target("cancels"), "4"], period=4096)
        self.assertEqual(out, "4 cancelled, 4 had finished, 4 cleaned up\n")
        self.assertGreater(len(self.agents(1)[0].totals), 1)  # it did send meanwhile

    def test_signals_to_the_process_reach_who_waits_for_them(self):
        self.same([target("waits"), "20000" if LONG else "1000"], 120, period=512)

    def test_work_in_exit_handlers_and_destructors(self):
        self.assertEqual(self.same([target("late")], period=4096), "e\nd\n")

    @unittest.skipUnless(ROOT_USER, "needs root")
    def test_another_root_another_user_not_dumpable_and_still_counted(self):
        with tempfile.TemporaryDirectory() as jail:
            out = self.same([target("jailed"), jail, "3"], period=4096)
        self.assertEqual(out, "1 task, user 65534, dumpable 0\n")
        agent = self.agents(1)[0]
        times = [t["time_ms"] for t in agent.totals]
        self.assertGreater(times[-1] - times[0], 2500)


class Kernel(Torture):
    @unittest.skipUnless(ROOT_USER and shutil.which("nsenter"), "needs root and nsenter")
    def test_another_programs_mount_namespace_can_be_entered(self):
        out = self.same(["nsenter", "-t", str(os.getpid()), "-m", "-u", "-i", "echo", "there"])
        self.assertEqual(out, "there\n")

    def test_a_memory_limit_is_as_far_away_as_without_the_agent(self):
        # By a variable: of a constant there would be one object for all.
        hold = [PYTHON, "-c", "size = 4000; held = [b'x' * size for _ in range(54 << 8)]\n"
                "for line in open('/proc/self/status'):\n"
                "    if line.startswith('RssAnon:'): print(line.split()[1])\n"]
        bare_kib = int(run(hold, clean_environment())[1])
        self.assertGreater(bare_kib, 54 << 10)
        try:
            group = make_group((bare_kib << 10) + AGENT_BYTES_MAX)
        except OSError as error:
            self.skipTest(f"no memory cgroup can be made here: {error}")
        self.addCleanup(remove_group, group)
        enter = 'echo $$ >"$0"/cgroup.procs && exec "$@"'
        held = ["/bin/sh", "-c", enter, group, *hold]
        if run(held, clean_environment())[0] != 0:
            self.skipTest("the kernel charges more here than the program's own memory")
        for _ in range(20 if LONG else 3):
            status, _, err = run(held, loaded_environment(self.daemon, period=65536))
            self.assertEqual((status, err), (0, b""))

    def test_core_dumps_stay_as_small_as_they_were(self):
        """What of a process's own memory the kernel would write into a core."""
        code = ("my ($n, $sum) = (0, 0); my @a = map { 'x' x 300 } 1..20000; open my $f, '<', "
                "'/proc/self/smaps' or die; while (<$f>) { if (/^Anonymous:\\s+(\\d+)/) { $n = $1 } "
                "if (/^VmFlags:/ && !/ dd /) { $sum += $n } } print $sum")
        bare, loaded = (int(run(["perl", "-e", code], env)[1]) for env in
                        (clean_environment(), loaded_environment(self.daemon, period=1)))
        self.assertGreater(bare, 1000)
        self.assertLess(loaded - bare, 512)  # KiB: the file's own data and the buffers


class Family(unittest.TestCase):
    # Exported by libc, allocates or frees, and needs no hook: what is inside libc's own libraries
    # (__libc_*), prints figures, gives memory back to the kernel, or is for programs linked before 2016.
    KNOWN = {"malloc_info", "malloc_stats", "malloc_trim", "malloc_get_state", "malloc_set_state",
             "cfree"}

    def test_no_entry_of_this_libcs_malloc_family_is_missing(self):
        libc = re.search(r"libc\.so\.6 => (\S+)", run(["ldd", target("early")], None)[1].decode())
        names = {line.split()[-1].partition("@")[0] for line in
                 run(["nm", "-D", "--defined-only", libc.group(1)], None)[1].decode().splitlines()}
        ours = {line.split()[-1] for line in
                run(["nm", "-D", "--defined-only", AGENT], None)[1].decode().splitlines()}
        family = {name for name in names if re.match(
            r"(c|m|re|p?v)?alloc(array)?$|malloc_|.*(memalign|aligned_alloc)$|c?free(_\w*sized)?$|"
            r"m(un|re)?map(64)?$", name) and not name.startswith("__")}
        self.assertIn("posix_memalign", family)
        self.assertEqual(family - ours - self.KNOWN, set())


class Stacks(Torture):
    def test_coroutines_alternate_stacks_and_deep_recursion(self):
        self.same([target("contexts"), "20000" if LONG else "300"], 300, period=64)
        self.assertGreater(self.agents(1)[0].health["samples"], 1000)

    def test_errno_rounding_and_registers_stay_as_they_were(self):
        for period in (1, 300, 524288):
            self.assertEqual(self.same([target("registers"), "100000"], period=period),
                             "all as it was\n")

    @unittest.skipUnless(os.path.exists(target("dlstorm")), "no C++ compiler")
    def test_exceptions_through_libraries_that_come_and_go_beside_busy_threads(self):
        rounds = "20000" if LONG else "150"
        out = self.same([target("dlstorm"), target("libplugin.so"), rounds], 1200, period=512)
        self.assertEqual(out, f"{rounds} caught\n")


class Descriptors(Folder):
    def test_a_shell_finds_the_numbers_it_expects(self):
        # The agent's own is far above: at half of the limit or at 512.
        self.same(["bash", "-c", "ulimit -S -n 1024; exec 3<>/dev/null 4>&3; ls -I '5??' /proc/self/fd"])

    def test_the_kernel_has_room_for_the_agents_number_before_threads_begin(self):
        # Later it would keep the thread that connects waiting for a grace period.
        bare, loaded = self.tables(clean_environment()), self.tables(self.late())
        self.assertLess(max(bare.values()), 513)
        self.assertGreaterEqual(min(loaded.values()), 513)

    def test_who_finds_no_number_reads_of_a_fork_what_he_would_without_the_agent(self):
        script = ("import ctypes, os, resource, threading\n"
                  "libc = ctypes.CDLL(None, use_errno=True)\n"
                  "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
                  "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
                  "ctypes.set_errno(0)\n"
                  "if libc.fork() == 0: os._exit(ctypes.get_errno())\n"
                  "print(os.wait()[1])\n")
        self.assertEqual(run(["/usr/bin/python3", "-c", script], self.late()), (0, b"0\n", b""))

    def late(self):
        """The agent does not connect, and what it makes is what it makes before that."""
        return loaded_environment(self.daemon, delay_ms=3600000)

    def tables(self, env):
        """Descriptors that the kernel has room for in a program that has allocated, and in its child."""
        script = ("import os, re, resource\n"
                  "resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(7)[1]))\n"
                  "def size():\n"
                  "    bytearray(1 << 20), bytearray(1 << 20)\n"
                  "    return re.search(r'FDSize:\\s*(\\d+)', open('/proc/self/status').read())[1]\n"
                  "print('self', size(), flush=True)\n"
                  "if os.fork() == 0:\n    print('child', size(), flush=True)\n    os._exit(0)\n"
                  "os.wait()\n")
        status, out, err = run(["/usr/bin/python3", "-c", script], env)
        self.assertEqual((status, err), (0, b""))
        return {name: int(size) for name, size in map(str.split, out.decode().splitlines())}

    def test_compilers_and_archivers_write_the_same_files(self):
        source = os.path.join(self.folder, "one.c")
        with open(source, "w", encoding="ascii") as file:
            file.write("int main(void) { return 0; }\n")
        made = []
        for env in (clean_environment(), loaded_environment(self.daemon, period=4096)):
            for name in ("one.o", "one.tar.gz"):
                path = os.path.join(self.folder, name)
                if os.path.exists(path):
                    os.unlink(path)
            script = ("cc -c one.c && tar --mtime=@0 -czf one.tar.gz one.c && "
                      "sha256sum one.o one.tar.gz; find . -type f | sort")
            made.append(run(["sh", "-c", script], env, cwd=self.folder))
        self.assertEqual(made[0], made[1])
        self.assertEqual(made[0][0], 0)


class Server(Folder):
    def listen(self, backlog):
        path = os.path.join(self.folder, "agent.sock")
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(path)
        listener.listen(backlog)
        return listener, dict(loaded_environment(self.daemon), LEAKD_SOCKET=path)

    def test_a_queue_that_is_full_is_not_waited_for(self):
        _, env = self.listen(0)
        bare = run([target("portrait")], clean_environment())
        programs = [subprocess.Popen([target("portrait")], env=env, stdout=subprocess.PIPE)
                    for _ in range(6)]
        for program in programs:
            self.assertEqual((program.communicate(timeout=60)[0], program.returncode),
                             (bare[1], bare[0]))

    def test_a_server_that_hangs_up_at_once_raises_no_signal(self):
        listener, env = self.listen(100)
        ended = threading.Event()

        def hang_up():
            listener.settimeout(0.2)
            while not ended.is_set():
                try:
                    listener.accept()[0].close()
                except OSError:
                    continue

        thread = threading.Thread(target=hang_up)
        thread.start()
        try:
            for number in range(200 if LONG else 20):
                # subprocess gives its children the default disposition of SIGPIPE
                done = run(["perl", "-e", "$x .= 1 x 999 for 1..2000; print 1"], env)
                self.assertEqual(done, (0, b"1", b""), number)
        finally:
            ended.set()
            thread.join()

    def test_start_is_quick_beside_a_server_that_is_stopped(self):
        server = subprocess.Popen([sys.executable, "-c", "import socket, sys, time\n"
                                   "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])\n"
                                   "s.listen(3); print(flush=True); time.sleep(60)",
                                   os.path.join(self.folder, "agent.sock")], stdout=subprocess.PIPE)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        server.stdout.readline()
        server.send_signal(signal.SIGSTOP)
        env = dict(loaded_environment(self.daemon), LEAKD_SOCKET=os.path.join(self.folder, "agent.sock"))
        for _ in range(10):  # the queue is full after four; a wait would end in a timeout
            self.assertEqual(run(["perl", "-e", "print 1"], env, timeout=20), (0, b"1", b""))


@unittest.skipUnless(LONG, "LEAKD_LONG=1")
class Long(Torture):
    """The figures of the charter; half an hour together."""

    def test_a_million_forks_beside_busy_threads(self):
        out = self.same_loaded([target("forks"), "1000000"], period=524288, delay_ms=200)
        self.assertEqual(out, "1000000 children, 0 ended badly\n")

    def test_a_hundred_thousand_siglongjmps_out_of_allocations(self):
        self.assertEqual(self.same_loaded([target("jumps"), "jump", "100000"], period=64),
                         "survived\n")

    def test_thirty_thousand_threads_ten_thousand_at_a_time(self):
        out = self.same_loaded([target("many_threads"), "10000", "3"])
        self.assertIn("30000 threads", out)

    def same_loaded(self, argv, **settings):
        """The bare run would only take as long again: its output is known."""
        started = time.monotonic()
        status, out, err = self.run_loaded(argv, timeout=6000, **settings)
        print(f"# {os.path.basename(argv[0])}: {time.monotonic() - started:.0f} s", flush=True)
        if status == 3 and re.search("many_threads", argv[0]):
            self.skipTest("this machine does not allow so many threads")
        self.assertEqual((status, err), (0, b""))
        return out.decode()


if __name__ == "__main__":
    unittest.main()
