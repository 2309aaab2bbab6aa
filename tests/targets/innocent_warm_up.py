# SPDX-License-Identifier: MIT
"""Innocent: loads tables for 40 s, some 30 MB, slower and slower, then serves from them."""
import time

WARM_UP_S = 40


def main():
    tables = []
    began = time.monotonic()
    while (age := time.monotonic() - began) < WARM_UP_S:
        rows = int(600 * (1 - age / WARM_UP_S))
        tables.append([{"row": n, "text": f"value {n}" * 4} for n in range(rows)])
        time.sleep(0.25)
    while True:
        found = [row for table in tables[:3] for row in table if row["row"] % 7 == 0]
        assert found
        time.sleep(0.1)


if __name__ == "__main__":
    main()
