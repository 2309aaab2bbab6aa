# SPDX-License-Identifier: MIT
"""A small order service with the classic leak of articles on Python's memory: every request leaves
self-referential dicts in a module-level list. Beside it a bounded cache that is not to blame.

Usage: shop.py [--port N]   prints "listening on PORT" when it is up.
"""
import argparse
import collections
import http.server
import json
import threading
import time
import urllib.parse

TRAIL = []  # grows for ever: nobody ever takes anything out

CACHE_MAX = 2000
PRICES = collections.OrderedDict()  # bounded: the oldest entry makes room for a new one
PRICES_LOCK = threading.Lock()

STEPS = ("received", "parsed", "authorised", "priced", "reserved", "charged", "packed", "answered")


def price_of(article):
    """Looks a price up, as if it were expensive; keeps the CACHE_MAX latest answers."""
    with PRICES_LOCK:
        if article in PRICES:
            PRICES.move_to_end(article)
        else:
            PRICES[article] = f"{article} costs {hash(article) % 10000} cents " * 10
            if len(PRICES) > CACHE_MAX:
                PRICES.popitem(last=False)
        return int(PRICES[article].split()[2])


def remember(request_id, step):
    """The leak: the event refers to itself and the list refers to it."""
    event = {"request": request_id, "step": step, "at": time.monotonic(), "event": None}
    event["event"] = event
    TRAIL.append(event)


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        request_id = int(query.get("id", ["0"])[0])
        for step in STEPS:
            remember(request_id, step)
        articles = [f"{request_id % 5000}-{n}" for n in range(3)]
        body = json.dumps({"id": request_id, "cents": sum(map(price_of, articles))}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Shop)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
