# SPDX-License-Identifier: MIT
"""A WSGI application that keeps something of every request."""
SEEN = []


def application(environ, start_response):
    SEEN.append(bytearray(2000))  # culprit
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
