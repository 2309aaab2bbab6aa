# SPDX-License-Identifier: MIT
"""Innocent: a bounded functools.lru_cache that fills within half a minute and then turns over."""
import functools
import random
import time


@functools.lru_cache(maxsize=6000)
def page(number):
    return {"number": number, "text": f"page {number} " * 60}


def main():
    chance = random.Random(7)
    while True:
        for _ in range(40):
            page(chance.randrange(20000))
        time.sleep(0.1)


if __name__ == "__main__":
    main()
