# SPDX-License-Identifier: MIT
"""Receivers of every type with the real daemon: what they are sent, that secrets are nowhere to be
seen, whom leakd does not trust. Incidents are in test_whole_path.py; here the test button is pressed."""
import base64
import hashlib
import hmac
import json
import os
import shutil
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from daemon import BUILD, Daemon, wait_for  # noqa: E402
from receivers import Alertmanager, Receiver, certificate  # noqa: E402

# The published vector of Standard Webhooks.
VECTOR = ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
          b'{"test": 2432232314}', "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
SLACK_PATH = "/services/T0/B0/verysecretpath"


def sign(secret, message_id, stamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def write_private(path, text):
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w",
              encoding="ascii") as file:
        file.write(text)
    return path


@unittest.skipUnless(shutil.which("openssl"), "openssl is missing")
class EveryType(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.close)
        folder = cls.daemon.folder
        cls.new, cls.old = (("whsec_" + base64.b64encode(os.urandom(32)).decode())
                            for _ in range(2))
        cls.tls = certificate(folder, "trusted")
        cls.receivers = {"hook": Receiver(), "chat": Receiver(), "pager": Receiver(["202"]),
                         "tls": Receiver(tls=cls.tls), "stranger": Receiver(tls=cls.tls),
                         "moved": Receiver(["302", "302"]), "slow": Receiver(["slow"]),
                         "gone": Receiver(["410"])}
        for receiver in cls.receivers.values():
            cls.addClassCleanup(receiver.close)
        cls.script = os.path.join(folder, "told")
        with open(cls.script, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\nls /proc/self/fd >{folder}/fds\nenv >{folder}/env\n"
                       f"cat >{folder}/told.json\necho said $1\n")
        os.chmod(cls.script, stat.S_IRWXU)
        with open(cls.daemon.conf_path, "a", encoding="utf-8") as file:
            file.write(cls.conf(folder))
        os.environ["LEAKD_TEST_SECRET"] = "not for commands"
        cls.daemon.start()

    @classmethod
    def port(cls, name):
        return cls.receivers[name].port

    @classmethod
    def conf(cls, folder):
        write_private(f"{folder}/new", cls.new)
        write_private(f"{folder}/old", cls.old)
        write_private(f"{folder}/chat", f"http://127.0.0.1:{cls.port('chat')}{SLACK_PATH}")
        write_private(f"{folder}/pager", ROUTING_KEY)
        return f"""
[receiver "hook"]
url = http://me:password@127.0.0.1:{cls.port('hook')}/in/deep?token=querysecret
secret = {folder}/new
secret_old = {folder}/old
[receiver "chat"]
type = slack
secret = {folder}/chat
[receiver "pager"]
type = pagerduty
secret = {folder}/pager
url = http://127.0.0.1:{cls.port('pager')}/v2/enqueue
[receiver "tls"]
url = https://localhost:{cls.port('tls')}/
ca_file = {cls.tls[1]}
[receiver "stranger"]
url = https://localhost:{cls.port('stranger')}/
[receiver "moved"]
url = http://127.0.0.1:{cls.port('moved')}/
[receiver "slow"]
url = http://127.0.0.1:{cls.port('slow')}/
timeout = 1s
[receiver "gone"]
url = http://127.0.0.1:{cls.port('gone')}/
[receiver "metadata"]
url = http://169.254.169.254/latest/meta-data/
[receiver "plain"]
url = http://192.0.2.1/
timeout = 2s
[receiver "run"]
type = command
command = {cls.script} twice
"""

    def press(self, name):
        return self.daemon.ctl("webhook", "test", name, "--socket", self.daemon.api_path)

    def told(self, name):
        done = self.press(name)
        self.assertEqual((0, f"{name} took it\n"), (done.returncode, done.stdout), done.stderr)
        headers, body, _ = self.receivers[name].requests[-1]
        return headers, body

    def refused(self, name):
        done = self.press(name)
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def test_the_published_vector_verifies_with_the_verifier_of_this_test(self):
        secret, message_id, stamp, body, signature = VECTOR
        self.assertEqual(signature, sign(secret, message_id, stamp, body))

    def test_a_webhook_is_signed_by_both_keys_while_they_are_rotated(self):
        headers, body = self.told("hook")
        parts = headers["webhook-id"], headers["webhook-timestamp"], body
        self.assertEqual([sign(self.new, *parts), sign(self.old, *parts)],
                         headers["webhook-signature"].split(" "))
        self.assertEqual("webhook.test", json.loads(body)["type"])

    def test_slack_gets_text_and_blocks_at_its_secret_address(self):
        headers, body = self.told("chat")
        message = json.loads(body)
        self.assertEqual(f"POST {SLACK_PATH} HTTP/1.1", headers["request"])
        self.assertTrue(message["text"])
        self.assertEqual("header", message["blocks"][0]["type"])
        self.assertLess(len(message["blocks"][0]["text"]["text"]), 150)

    def test_pagerduty_gets_an_event_with_all_that_is_required(self):
        _, body = self.told("pager")
        event = json.loads(body)
        self.assertEqual((ROUTING_KEY, "trigger"), (event["routing_key"], event["event_action"]))
        self.assertLessEqual(len(event["dedup_key"]), 255)
        for field in ("summary", "source", "severity"):
            self.assertTrue(event["payload"][field], field)
        self.assertIn(event["payload"]["severity"], ("critical", "error", "warning", "info"))

    def test_a_command_gets_the_body_and_nothing_of_leakd(self):
        done = self.press("run")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        with open(f"{self.daemon.folder}/told.json", encoding="utf-8") as file:
            self.assertEqual("webhook.test", json.load(file)["type"])
        with open(f"{self.daemon.folder}/env", encoding="utf-8") as file:
            self.assertNotIn("LEAKD_TEST_SECRET", file.read())
        with open(f"{self.daemon.folder}/fds", encoding="utf-8") as file:
            # stdin, stdout, stderr, and the folder that ls reads
            self.assertLessEqual(len(file.read().split()), 4)
        self.assertIn('text="said twice', self.daemon.log())

    def test_a_certificate_is_trusted_by_its_ca_file_alone(self):
        self.told("tls")
        self.assertIn("is not trusted", self.refused("stranger"))
        self.assertEqual([], self.receivers["stranger"].requests)

    def test_redirects_are_not_followed(self):
        self.assertIn("redirects are not followed", self.refused("moved"))
        self.assertEqual(1, len(self.receivers["moved"].requests))

    def test_who_is_slow_is_given_up_in_time(self):
        self.assertIn("did not answer within 1.0 s", self.refused("slow"))

    def test_who_says_410_is_off(self):
        self.assertIn("410", self.refused("gone"))
        self.assertEqual("off", self.daemon.get("/api/v1/receivers/gone")["state"])
        again = self.press("gone")
        self.assertEqual(2, again.returncode)
        self.assertIn("wants no more", again.stderr)

    def test_addresses_of_metadata_and_http_to_the_internet_are_refused(self):
        self.assertIn("allow_link_local", self.refused("metadata"))
        self.assertIn("allow_http", self.refused("plain"))

    def test_secrets_are_nowhere_to_be_seen(self):
        for name in ("hook", "chat", "pager"):
            self.told(name)
        shown = [json.dumps(self.daemon.get("/api/v1/receivers")),
                 json.dumps(self.daemon.get("/api/v1/receivers/chat")), self.daemon.log(),
                 self.daemon.status_of("/metrics")[2],
                 self.daemon.ctl("receivers", "--socket", self.daemon.api_path).stdout,
                 subprocess.run([os.path.join(BUILD, "leakd"), "--config", self.daemon.conf_path,
                                 "--user", "--runtime-dir", self.daemon.folder, "--state-dir",
                                 self.daemon.folder, "--print-config"], capture_output=True,
                                text=True, check=True).stdout]
        for text in shown:
            for secret in (self.new, self.old, ROUTING_KEY, SLACK_PATH, "password", "querysecret",
                           self.new[6:], self.old[6:]):
                self.assertNotIn(secret, text)

    def test_the_api_says_how_each_one_is(self):
        self.told("hook")
        self.refused("stranger")
        rows = {row["name"]: row for row in self.daemon.get("/api/v1/receivers")["receivers"]}
        self.assertEqual(11, len(rows))
        self.assertEqual("ok", rows["hook"]["state"])
        self.assertEqual(f"http://***@127.0.0.1:{self.port('hook')}", rows["hook"]["place"])
        self.assertEqual("failing", rows["stranger"]["state"])
        self.assertGreater(rows["hook"]["last_delivery_ms"], 0)
        self.assertEqual(self.script, rows["run"]["place"])
        listed = self.daemon.ctl("receivers", "--plain", "--socket", self.daemon.api_path).stdout
        self.assertIn("hook\twebhook\tok\t", listed)
        self.assertIn('leakd_receiver_failing{receiver="stranger",type="webhook"} 1',
                      self.daemon.status_of("/metrics")[2])

    def test_nobody_else_can_press_the_button(self):
        status, _, _ = self.daemon.status_of(
            "/api/v1/receivers/hook/test", method="POST",
            headers={"Origin": "http://evil.example", "Content-Type": "application/json"})
        self.assertEqual(403, status)
        self.assertEqual(5, self.press("nobody").returncode)
        self.assertEqual(405, self.daemon.status_of("/api/v1/receivers/hook/test")[0])


@unittest.skipIf(Alertmanager.is_missing(), "prometheus-alertmanager is not installed")
class RealAlertmanager(unittest.TestCase):
    def test_it_takes_a_test(self):
        daemon = Daemon()
        self.addCleanup(daemon.close)
        manager = Alertmanager(daemon.folder)
        self.addCleanup(manager.close)
        with open(daemon.conf_path, "a", encoding="utf-8") as file:
            file.write('[receiver "am"]\ntype = alertmanager\n'
                       f"url = http://127.0.0.1:1 http://127.0.0.1:{manager.port}\n")
        daemon.start()
        done = daemon.ctl("receivers", "test", "am", "--socket", daemon.api_path)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        alerts = wait_for(lambda: manager.alerts("alertname=LeakdTest"), 20, "amtool sees it")
        self.assertEqual("info", alerts[0]["labels"]["severity"])
        self.assertIn("test of leakd", alerts[0]["annotations"]["summary"])


if __name__ == "__main__":
    unittest.main()
