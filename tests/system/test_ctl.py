# SPDX-License-Identifier: MIT
"""leakctl against an API that answers what it is told: tables, exit codes, hostile text; and what
`leakctl run` does to the program it starts."""
import http.server
import json
import os
import shutil
import socketserver
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("LEAKD_BUILD") or os.path.join(ROOT, "build"))
LEAKCTL = os.path.join(BUILD, "leakctl")
AGENT = os.path.join(BUILD, "libleakagent.so")

GROWTH = {"estimate": 14889779.2, "lower": 13526630.4, "upper": 16357785.6}
GROWTH_PER_H = {key: value / 3600 for key, value in GROWTH.items()}
PROCESS = {
    "id": "4711-99", "pid": 4711, "name": "shop", "unit": None, "exe": "/usr/bin/python3.11",
    "runtime": "cpython 3.11.2", "state": "watching", "verdict": "leak",
    "since_ms": 1700000000000, "summary": "growing 14.2 MiB/h (12.9 to 15.6) for 5 h 20 min",
    "growth_bytes_per_s": GROWTH_PER_H, "live_bytes": 104857600, "rss_bytes": 209715200,
    "limit_bytes": 1073741824, "limit_source": "memory_max",
    "time_to_limit_s": {"estimate": 7200, "lower": 3600, "upper": None},
    "tests": [{"name": "wait_gain", "text": "time to add a share: 12 min, at least 20 min",
               "value": 720, "needed": 1200, "at_most": False, "passed": False}]}
HOSTILE = dict(PROCESS, id="1-1", pid=1, name="evil\x1b]0;owned\x07\u202e", verdict="ok",
               growth_bytes_per_s=None, time_to_limit_s=None, live_bytes=0)
SITES = {"sites": [{
    "id": "7", "kind": "python", "verdict": "leak", "growth_bytes_per_s": GROWTH_PER_H,
    "live_bytes": 83886080, "live_count": 1200,
    "frames": [{"language": "python", "function": "store", "file": "orders/cache.py", "line": 88}]}]}
TYPES = {"types": [{"name": "app.Session", "live_bytes": 83886080, "live_count": 1200,
                    "growth_bytes_per_s": None, "source": "sampled"}]}
INCIDENT = {"id": "3f9c", "fingerprint": "0123456789abcdef", "state": "open",
            "severity": "critical", "opened_ms": 1700000000000, "resolved_ms": None,
            "process": PROCESS, "summary": "shop leaks in store()", "sites": SITES["sites"],
            "growth_bytes_per_s": GROWTH_PER_H, "types": TYPES["types"], "deliveries": [
                {"receiver": "ops", "event": "leak.incident.opened", "error": None}]}
ANSWERS = {
    "/api/v1/processes": {"processes": [PROCESS, HOSTILE]},
    "/api/v1/processes/4711-99": PROCESS,
    "/api/v1/processes/4711-99/sites": SITES,
    "/api/v1/processes/4711-99/types": TYPES,
    "/api/v1/incidents": {"incidents": [INCIDENT]},
    "/api/v1/incidents/3f9c": INCIDENT,
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        if self.server.paged and path == "/api/v1/processes":
            self.answer_page()
        elif self.server.status:
            self.answer(self.server.status, {"title": "no", "detail": "said\x1b[2J so"})
        elif path in ANSWERS:
            self.answer(200, ANSWERS[path])
        else:
            self.answer(404, {"title": "Not Found", "detail": "nothing is there"})

    def answer_page(self):
        """One process a page, as leakd gives a thousand."""
        at = int(self.path.partition("cursor=")[2] or 0)
        rows = ANSWERS["/api/v1/processes"]["processes"]
        link = f'</api/v1/processes?limit=1&cursor={at + 1}>; rel="next"'
        self.answer(200, {"processes": rows[at:at + 1]}, link if at + 1 < len(rows) else None)

    def answer(self, status, body, link=None):
        data = json.dumps(body).encode()
        self.send_response(status)
        if link:
            self.send_header("Link", link)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass

    def address_string(self):
        return "local"


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    status = 0
    paged = False


def leakctl(*arguments, env=None):
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("NO_COLOR", "CLICOLOR_FORCE", "LD_PRELOAD")}
    environment.update(env or {})
    return subprocess.run([LEAKCTL, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=environment, check=False,
                          timeout=60)


class Api(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="leakctl-")
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "api.sock")
        self.server = Server(self.path, Handler)
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        thread.start()
        self.addCleanup(lambda: (self.server.shutdown(), thread.join(), self.server.server_close()))

    def ask(self, *arguments, **options):
        return leakctl(*arguments, "--socket", self.path, **options)

    def test_ps_is_a_table_of_figures(self):
        run = self.ask("ps")
        self.assertEqual((0, ""), (run.returncode, run.stderr))
        lines = run.stdout.splitlines()
        self.assertEqual(3, len(lines))
        self.assertTrue(lines[0].startswith("ID "))
        for word in ("4711-99", "shop", "cpython 3.11.2", "leak", "100 MiB", "200 MiB",
                     "14.2 MiB/h (12.9 to 15.6)", "2 h 0 min (1 h 0 min to never)"):
            self.assertIn(word, lines[1])
        self.assertNotIn("\x1b", run.stdout)

    def test_text_of_others_cannot_move_the_cursor(self):
        run = self.ask("ps", env={"CLICOLOR_FORCE": "1"})
        self.assertIn("evil\\x1b]0;owned\\x07\\u{202e}", run.stdout)
        self.assertIn("\x1b[1;31mleak\x1b[0m", run.stdout)
        self.assertNotIn("\x1b]", run.stdout)

    def test_no_color_is_honoured(self):
        run = self.ask("ps", env={"CLICOLOR_FORCE": "1", "NO_COLOR": "1"})
        self.assertNotIn("\x1b", run.stdout)

    def test_plain_and_bytes_are_for_programs(self):
        rows = [line.split("\t") for line in self.ask("ps", "--plain", "--bytes").stdout.splitlines()]
        self.assertEqual(2, len(rows))
        self.assertEqual(["4711-99", "4711", "shop"], rows[0][:3])
        self.assertEqual(["104857600", "209715200"], rows[0][6:8])

    def test_every_page_is_read(self):
        self.server.paged = True
        self.assertEqual([line.split("\t")[0] for line in
                          self.ask("ps", "--plain").stdout.splitlines()], ["4711-99", "1-1"])
        self.assertEqual([row["id"] for row in
                          json.loads(self.ask("ps", "--json").stdout)["processes"]],
                         ["4711-99", "1-1"])
        self.assertNotIn("no process", self.ask("show", "1-1").stderr)

    def test_json_is_one_document(self):
        self.assertEqual(ANSWERS["/api/v1/processes"], json.loads(self.ask("ps", "--json").stdout))
        shown = json.loads(self.ask("show", "shop", "--json").stdout)
        self.assertEqual(PROCESS, shown["process"])
        self.assertEqual(SITES, shown["sites"])
        self.assertEqual(INCIDENT, json.loads(self.ask("incidents", "3f9c", "--json").stdout))

    def test_show_takes_an_id_a_pid_or_a_name(self):
        for what in ("4711-99", "4711", "shop"):
            run = self.ask("show", what)
            self.assertEqual((0, ""), (run.returncode, run.stderr), what)
            for word in ("leak: growing 14.2 MiB/h", "orders/cache.py:88 store()", "app.Session",
                         "1.00 GiB memory_max", "Incident 3f9c  critical  open",
                         "no      time to add a share: 12 min, at least 20 min",
                         "2023-11-14 22:13:20Z"):
                self.assertIn(word, run.stdout)

    def test_incidents_are_listed_and_shown(self):
        self.assertIn("3f9c", self.ask("incidents").stdout)
        shown = self.ask("incidents", "3f9c").stdout
        for word in ("shop leaks in store()", "orders/cache.py:88 store()  14.2 MiB/h", "open",
                     "app.Session", "ops leak.incident.opened: delivered"):
            self.assertIn(word, shown)

    def test_what_is_not_there_is_exit_5(self):
        self.assertEqual(5, self.ask("show", "nobody").returncode)
        run = self.ask("incidents", "ffff")
        self.assertEqual(5, run.returncode)
        self.assertIn("nothing is there", run.stderr)

    def test_a_refusal_is_exit_4_and_its_words_are_made_safe(self):
        self.server.status = 403
        run = self.ask("ps")
        self.assertEqual((4, ""), (run.returncode, run.stdout))
        self.assertIn("said\\x1b[2J so", run.stderr)

    def test_an_ill_daemon_is_exit_3(self):
        self.server.status = 500
        self.assertEqual(3, self.ask("ps").returncode)

    def test_no_daemon_is_exit_3(self):
        run = leakctl("ps", "--socket", os.path.join(self.folder.name, "none.sock"))
        self.assertEqual((3, ""), (run.returncode, run.stdout))
        self.assertEqual(3, leakctl("ps", "--url", "http://127.0.0.1:1").returncode)

    def test_the_users_own_daemon_is_asked_first(self):
        runtime = os.path.join(self.folder.name, "leakd")
        os.mkdir(runtime)
        os.symlink(self.path, os.path.join(runtime, "api.sock"))
        run = leakctl("ps", "--json", env={"XDG_RUNTIME_DIR": self.folder.name})
        self.assertEqual(0, run.returncode, run.stderr)


class Usage(unittest.TestCase):
    def test_help_goes_to_stdout_and_begins_with_examples(self):
        for words in ([], ["run"], ["ps"], ["show"], ["incidents"], ["replay"]):
            run = leakctl(*words, "--help")
            self.assertEqual((0, ""), (run.returncode, run.stderr))
            self.assertTrue(run.stdout.startswith("Examples:\n"), words)

    def test_mistakes_are_exit_2_with_a_hint(self):
        for words, hint in ((["shwo", "x"], 'did you mean "show"'), (["ps", "--jsno"], "--json"),
                            (["show"], "leakctl ps"), (["ps", "extra"], "leakctl show"),
                            (["run"], "no program"), (["run", "--period", "tiny", "true"], "64"),
                            (["run", "--profile", "lax", "true"], "strict"), ([], "usage")):
            run = leakctl(*words)
            self.assertEqual((2, ""), (run.returncode, run.stdout), words)
            self.assertIn(hint, run.stderr)


@unittest.skipUnless(os.path.exists(AGENT), "no agent in " + BUILD)
class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="leakctl-")
        self.addCleanup(self.folder.cleanup)
        self.socket = os.path.join(self.folder.name, "agent.sock")

    def environment(self, *options, program=("env",), env=None):
        run = leakctl("run", "--socket", self.socket, *options, "--", *program, env=env)
        self.assertEqual(0, run.returncode, run.stderr)
        return dict(line.split("=", 1) for line in run.stdout.splitlines() if "=" in line), run

    def test_the_program_gets_the_agent_and_its_settings(self):
        env, run = self.environment("--name", "a b", "--profile", "fast")
        self.assertEqual(os.path.realpath(AGENT), os.path.realpath(env["LD_PRELOAD"]))
        self.assertEqual(("a b", "fast", "65536", "always", self.socket),
                         tuple(env["LEAKD_" + key]
                               for key in ("NAME", "PROFILE", "PERIOD", "PYTHON", "SOCKET")))
        self.assertIn("no leakd at", run.stderr)

    def test_the_default_profile_keeps_the_agents_own_period(self):
        env, _ = self.environment()
        for key in ("LEAKD_PERIOD", "LEAKD_PYTHON", "LEAKD_NAME", "LEAKD_PROFILE"):
            self.assertNotIn(key, env)
        env, _ = self.environment("--period", "128KiB")
        self.assertEqual("131072", env["LEAKD_PERIOD"])

    def test_the_exit_code_is_the_programs(self):
        for code in (0, 1, 77):
            run = leakctl("run", "--socket", self.socket, "--", "sh", "-c", "exit %d" % code)
            self.assertEqual(code, run.returncode)
        run = leakctl("run", "--socket", self.socket, "--", "sh", "-c", "kill -TERM $$")
        self.assertEqual(-15, run.returncode)

    def test_what_cannot_be_run_is_126_or_127(self):
        plain = os.path.join(self.folder.name, "plain")
        with open(plain, "w", encoding="ascii") as file:
            file.write("x")
        self.assertEqual(126, leakctl("run", "--", plain).returncode)
        self.assertEqual(127, leakctl("run", "--", "no-such-program").returncode)

    def program(self, name, mode, content=None, copy="env"):
        path = os.path.join(self.folder.name, name)
        if content is None:
            shutil.copy(shutil.which(copy), path)
        else:
            with open(path, "w", encoding="ascii") as file:
                file.write(content)
        os.chmod(path, mode)
        return path

    def assert_bare(self, path, reason):
        env, run = self.environment(program=(path,))
        self.assertNotIn("LD_PRELOAD", env)
        self.assertIn(reason, run.stderr)

    def test_a_privileged_program_runs_without_the_agent(self):
        self.assert_bare(self.program("suid", 0o755 | stat.S_ISUID), "set-uid")

    def test_a_static_program_runs_without_the_agent(self):
        compiler = shutil.which("cc")
        if not compiler:
            self.skipTest("no C compiler")
        source = self.program("static.c", 0o644, "int main(void) { return 0; }\n")
        path = os.path.join(self.folder.name, "static")
        if subprocess.run([compiler, "-static", source, "-o", path], check=False,
                          stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no static libc")
        self.assert_bare(path, "statically linked")

    def test_a_script_is_judged_by_its_interpreter(self):
        env, _ = self.environment(program=(self.program("script", 0o755, "#!/bin/sh\nexec env\n"),))
        self.assertIn("LD_PRELOAD", env)
        shell = self.program("shell", 0o755 | stat.S_ISUID, copy="sh")
        self.assert_bare(self.program("script2", 0o755, "#! " + shell + "\nexec env\n"), "set-uid")

    def test_an_agent_that_is_not_there_is_said(self):
        run = leakctl("run", "--", "true", env={"LEAKD_AGENT": "/nonexistent/agent.so"})
        self.assertEqual(126, run.returncode)
        self.assertIn("/nonexistent/agent.so", run.stderr)
        text = self.program("agent.so", 0o644, "no ELF")
        run = leakctl("run", "--", "true", env={"LEAKD_AGENT": text})
        self.assertEqual(126, run.returncode)
        self.assertIn("shared object", run.stderr)


if __name__ == "__main__":
    unittest.main()
