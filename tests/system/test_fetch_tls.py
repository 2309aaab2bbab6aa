# SPDX-License-Identifier: MIT
"""Requests over TLS to somebody who is not trusted: nothing is sent, and it is said why."""
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon import BUILD  # noqa: E402


class Impostor:
    """A TLS server with a certificate that nobody signed. Keeps what it is told."""

    def __init__(self, folder, maximum=None):
        key, certificate = os.path.join(folder, "key"), os.path.join(folder, "certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", key, "-out", certificate],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        if maximum:
            self.context.set_ciphers("DEFAULT:@SECLEVEL=0")
            self.context.minimum_version = maximum
            self.context.maximum_version = maximum
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        self.told = b""
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                with self.context.wrap_socket(plain, server_side=True) as peer:
                    peer.settimeout(5)
                    self.told += peer.recv(65536)
            except OSError:
                pass
            finally:
                plain.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


@unittest.skipUnless(shutil.which("openssl"), "openssl is missing")
class Distrust(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="leakd-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def ask(self, impostor):
        done = subprocess.run([os.path.join(BUILD, "leakctl"), "ps", "--url",
                               f"https://localhost:{impostor.port}"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
        impostor.close()
        self.assertEqual(1, impostor.connections)
        return done

    def test_a_certificate_of_ones_own_is_not_trusted(self):
        impostor = Impostor(self.folder)
        done = self.ask(impostor)
        self.assertEqual(3, done.returncode, done.stderr)
        self.assertIn(f"the certificate of localhost:{impostor.port} is not trusted", done.stderr)
        self.assertEqual(b"", impostor.told)

    def test_tls_before_1_2_is_not_spoken(self):
        impostor = Impostor(self.folder, ssl.TLSVersion.TLSv1_1)
        done = self.ask(impostor)
        self.assertEqual(3, done.returncode, done.stderr)
        self.assertIn("no TLS with localhost", done.stderr)
        self.assertEqual(b"", impostor.told)


if __name__ == "__main__":
    unittest.main()
