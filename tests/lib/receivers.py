# SPDX-License-Identifier: MIT
"""Receivers of notices for system tests: one that keeps what it gets and answers as told, one that
lies in every way there is, and Debian's Alertmanager."""
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request

from daemon import wait_for


def certificate(folder, name):
    """A key and a certificate of its own for localhost; their paths."""
    key, cert = os.path.join(folder, name + ".key"), os.path.join(folder, name + ".pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", key, "-out", cert],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return key, cert


class Receiver:
    """Answers requests one after the other as told. answers are "200", "500", "302", "429", or
    "closes" (in the middle of its answer), "garbage", "slow" (nothing before the sender gives up);
    when they are used up it is "200". Every whole request is kept as (headers, body, answer)."""

    def __init__(self, answers=(), tls=None, text="ok"):
        self.answers = list(answers)
        self.requests = []
        self.text = text
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(tls[1], tls[0])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            try:
                plain.settimeout(30)
                peer = self.context.wrap_socket(plain, server_side=True) if self.context else plain
                with peer:
                    self.answer(peer)
            except OSError:
                pass
            finally:
                plain.close()

    @staticmethod
    def read(peer):
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = peer.recv(65536)
            if not chunk:
                return None, None, None
            data += chunk
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip()
                   for name, value in (line.split(":", 1) for line in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)):
            body += peer.recv(65536)
        return lines[0], headers, body

    def answer(self, peer):
        line, headers, body = self.read(peer)
        if line is None:
            return
        how = self.answers.pop(0) if self.answers else "200"
        self.requests.append((dict(headers, request=line), body, how))
        if how == "slow":
            peer.recv(1)  # until the other side has had enough
        elif how == "closes":
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhal")
        elif how == "garbage":
            peer.sendall(b"\x00\xff this is no HTTP\r\n\r\n")
        else:
            text = self.text.encode()
            more = (f"Location: http://127.0.0.1:{self.port}/elsewhere\r\n" if how == "302" else
                    "Retry-After: 1\r\n" if how == "429" else "")
            peer.sendall(f"HTTP/1.1 {how} X\r\n{more}Content-Length: {len(text)}\r\n"
                         "Connection: close\r\n\r\n".encode() + text)

    def taken(self):
        """The bodies that it took, in order."""
        return [json.loads(body) for _, body, how in self.requests if how[0] == "2"]

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Alertmanager:
    """Debian's prometheus-alertmanager on loopback, asked through amtool."""

    WANTED = ("prometheus-alertmanager", "amtool")

    def __init__(self, folder):
        self.port = free_port()
        self.folder = os.path.join(folder, "alertmanager")
        os.makedirs(self.folder)
        conf = os.path.join(self.folder, "am.yml")
        with open(conf, "w", encoding="ascii") as file:
            file.write("route:\n  receiver: nobody\nreceivers:\n- name: nobody\n")
        with open(os.path.join(self.folder, "log"), "w", encoding="ascii") as log:
            self.process = subprocess.Popen(
                ["prometheus-alertmanager", f"--config.file={conf}",
                 f"--storage.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address="],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.is_ready, 60, "Alertmanager is ready")

    @classmethod
    def is_missing(cls):
        return any(shutil.which(program) is None for program in cls.WANTED)

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def alerts(self, *matchers):
        """What amtool sees as active."""
        done = subprocess.run(["amtool", f"--alertmanager.url=http://127.0.0.1:{self.port}",
                               "alert", "query", "-o", "json", *matchers],
                              capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)


def reload_until(daemon, claim, seconds, what):
    """SIGHUP makes leakd try at once what waits."""
    def once():
        if claim():
            return True
        daemon.process.send_signal(1)
        return False
    return wait_for(once, seconds, what, every=1.5)


def now_ms():
    return int(time.time() * 1000)
