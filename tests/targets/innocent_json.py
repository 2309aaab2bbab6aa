# SPDX-License-Identifier: MIT
"""Innocent: builds, dumps and parses JSON documents of changing size for ever; keeps nothing."""
import json
import random
import time


def main():
    chance = random.Random(11)
    while True:
        rows = [{"id": n, "name": f"row {n}", "values": [n * k for k in range(20)]}
                for n in range(chance.randrange(200, 1200))]
        assert len(json.loads(json.dumps(rows))) == len(rows)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
