#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Generates memory that wanders about a level and never grows: what a detector must bear for years.

usage: noise.py FOLDER [--seed N] [--processes N]

Each process is an Ornstein-Uhlenbeck process of two days: a time constant of 3 s to 9 h, a standard
deviation of 0.1 % to 12 % of its level, white noise of up to a third of that, rounded to pages. Its
walks of hours look like growth as often as chance allows, which no bounded number of programs
shows. Writes FOLDER/ok_noise_NNN.csv (t_seconds,bytes) and FOLDER/labels.csv; the same seed gives
the same bytes.
"""
import argparse
import math
import os
import random

MIB = 1 << 20
PAGE = 4096
SPAN_S = 2 * 86400
STEPS_S = (5, 10, 15, 30, 60)


def log_uniform(rng, low, high):
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def rows(rng, step):
    tau = log_uniform(rng, 3, 9 * 3600)
    level = MIB * log_uniform(rng, 2, 4096)
    sd = level * log_uniform(rng, 0.001, 0.12)
    white = sd * rng.uniform(0, 1 / 3)
    keep = math.exp(-step / tau)
    kick = sd * math.sqrt(1 - keep * keep)
    value = rng.gauss(0, sd)
    for t in range(0, SPAN_S, step):
        value = keep * value + rng.gauss(0, kick)
        yield t, max(PAGE, round((level + value + rng.gauss(0, white)) / PAGE) * PAGE)


def generate(folder, seed, processes):
    os.makedirs(folder, exist_ok=True)
    labels = ["file,class,leak,onset_s,rate_bytes_per_s,sample_interval_s\n"]
    for number in range(processes):
        rng = random.Random("%d noise %d" % (seed, number))
        step = STEPS_S[number % len(STEPS_S)]
        name = "ok_noise_%03d.csv" % number
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write("t_seconds,bytes\n")
            file.writelines("%d,%d\n" % row for row in rows(rng, step))
        labels.append("%s,ok_noise,0,0,0,%d\n" % (name, step))
    with open(os.path.join(folder, "labels.csv"), "w", encoding="ascii") as file:
        file.writelines(labels)


def main():
    parser = argparse.ArgumentParser(description="generates memory that wanders about a level")
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=150)
    options = parser.parse_args()
    generate(options.folder, options.seed, options.processes)


if __name__ == "__main__":
    main()
