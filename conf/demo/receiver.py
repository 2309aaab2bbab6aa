# SPDX-License-Identifier: MIT
"""A webhook receiver: checks the Standard Webhooks signature by itself and keeps every body.

Usage: receiver.py SECRET_FILE OUT_FOLDER   prints "listening on PORT"; writes OUT_FOLDER/N.json as
{"verified": bool, "headers": {...}, "body": {...}} for the N-th request that came.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import sys
import time

SECRET_FILE, OUT_FOLDER = sys.argv[1:3]
TOLERANCE_S = 300


def key():
    with open(SECRET_FILE, encoding="ascii") as file:
        return base64.b64decode(file.read().strip().removeprefix("whsec_"))


def verify(headers, body):
    """True when one of the signatures is right and the time is near."""
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > TOLERANCE_S:
        return False
    signed = f"{message_id}.{stamp}.".encode() + body
    wanted = base64.b64encode(hmac.new(key(), signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(signature, f"v1,{wanted}")
               for signature in headers.get("webhook-signature", "").split())


class Receiver(http.server.BaseHTTPRequestHandler):
    count = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        verified = verify(headers, body)
        Receiver.count += 1
        path = os.path.join(OUT_FOLDER, f"{Receiver.count}.json")
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump({"verified": verified, "headers": headers, "body": json.loads(body)}, file)
        os.rename(path + ".new", path)
        self.send_response(204 if verified else 401)
        self.end_headers()

    def log_message(self, format, *args):
        pass


def main():
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
