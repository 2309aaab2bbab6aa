# SPDX-License-Identifier: MIT
"""A real leakd in a temporary folder, for system tests: start, kill, ask, and run programs under
the agent."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("LEAKD_BUILD", os.path.join(ROOT, "build")))
PYTHON = "/usr/bin/python3"


def wait_for(claim, seconds, what, every=0.1):
    """Calls claim() until it is true and returns that; fails with `what` after so long."""
    deadline = time.monotonic() + seconds
    while True:
        value = claim()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(every)


class Daemon:
    """leakd in user mode. Use as a context manager; everything started through it is ended."""

    def __init__(self, conf="", build=BUILD, program="leakd", env=None):
        self.build = build
        self.program, self.env = program, env or {}
        self.folder = tempfile.mkdtemp(prefix="leakd-test-")
        self.conf_path = os.path.join(self.folder, "leakd.conf")
        self.log_path = os.path.join(self.folder, "leakd.log")
        self.socket_path = os.path.join(self.folder, "run", "agent.sock")
        self.api_path = os.path.join(self.folder, "run", "api.sock")
        self.port = 0
        self.process = None
        self.programs = []
        with open(self.conf_path, "w", encoding="utf-8") as file:
            file.write(conf)
            if "[http]" not in conf:
                file.write("\n[http]\nlisten = 127.0.0.1:0\n")

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        log_from = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.build, self.program), "--user", "--config", self.conf_path,
                 "--runtime-dir", os.path.join(self.folder, "run"),
                 "--state-dir", os.path.join(self.folder, "state")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, ASAN_OPTIONS="detect_leaks=1", **self.env))

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"leakd ended with {self.process.returncode}:\n{self.log()}")
            return re.search(r"^info ready .* port=(\d+)", self.log(log_from), re.M)

        self.port = int(wait_for(ready, 20, "leakd is ready").group(1))

    def log(self, since=0):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            file.seek(since)
            return file.read()

    def stop(self, signum=signal.SIGTERM):
        """Ends leakd; returns its exit status."""
        self.process.send_signal(signum)
        return self.process.wait(timeout=30)

    def close(self):
        for program in self.programs:
            if program.poll() is None:
                program.kill()
            program.wait()
            if program.stdout:
                program.stdout.close()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command, name=None, profile=None, period=None, env=None, stdout=None):
        """Starts a program under the agent by leakctl run."""
        words = [os.path.join(self.build, "leakctl"), "run", "--socket", self.socket_path]
        for option, value in (("--name", name), ("--profile", profile), ("--period", period)):
            if value is not None:
                words += [option, str(value)]
        program = subprocess.Popen([*words, "--", *command], stdin=subprocess.DEVNULL,
                                   stdout=stdout or subprocess.DEVNULL,
                                   env=dict(os.environ, **(env or {})), text=True)
        self.programs.append(program)
        return program

    def python(self, path, *arguments, **options):
        return self.run(PYTHON, os.path.join(ROOT, path), *arguments, **options)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path):
        """The JSON of a GET; raises urllib.error.HTTPError for an error."""
        with urllib.request.urlopen(self.url(path), timeout=30) as answer:
            return json.load(answer)

    def post(self, path, body=None):
        """The JSON that a POST of a JSON object gives; raises urllib.error.HTTPError for an error."""
        request = urllib.request.Request(self.url(path), method="POST",
                                         data=json.dumps(body or {}).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def status_of(self, path, headers=None, method="GET"):
        """Status, headers and body text of a request, errors included."""
        request = urllib.request.Request(self.url(path), headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def processes(self):
        return self.get("/api/v1/processes")["processes"]

    def process_of(self, pid, seconds=15, **wanted):
        """Waits until the process is in the API with the wanted fields; returns it."""
        def there():
            for process in self.processes():
                if process["pid"] == pid and all(process[k] == v for k, v in wanted.items()):
                    return process
            return None
        return wait_for(there, seconds, f"pid {pid} in the API with {wanted}")

    def connect(self):
        """A raw connection to the agents' socket."""
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(10)
        peer.connect(self.socket_path)
        return peer

    def ctl(self, *words):
        return subprocess.run([os.path.join(self.build, "leakctl"), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30, check=False)
