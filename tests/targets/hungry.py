# SPDX-License-Identifier: MIT
"""Leaks steadily, and once the file that it is given is there eats memory until it is killed.

Usage: hungry.py FILE
"""
import os
import sys
import time

kept = []


class Session:
    def __init__(self, number):
        self.number = number
        self.text = "x" * 400 + str(number)


def remember(number):
    kept.append(Session(number))


def eat():
    while True:
        for number in range(20000):
            remember(number)


def main():
    number = 0
    while not os.path.exists(sys.argv[1]):
        for _ in range(20):
            number += 1
            remember(number)
        time.sleep(0.1)
    eat()


main()
