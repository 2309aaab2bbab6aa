#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Generates labelled memory series: programs that leak, and programs that only look like it.

usage: gen.py FOLDER [--seed N] [--each N]

Writes FOLDER/CLASS_NN.csv (t_seconds,bytes) and FOLDER/labels.csv in the form that the scorer of the
growth corpus reads. The same seed gives the same bytes. A leak must be large enough to be found by
somebody: Series.leak_rate refuses those that even a perfect test could not see in a quarter of the
series.
"""
import argparse
import collections
import csv
import heapq
import math
import os
import random

MIB = 1 << 20
PAGE = 4096
HOUR = 3600.0
DAY = 86400.0


class Series:
    """One series in the making: times, a level, and noise as allocators make it."""

    def __init__(self, rng, steps=(1, 2, 5, 10, 15, 30, 60), count=(900, 2600), level=(2, 4096)):
        self.rng = rng
        self.dt = rng.choice(steps)
        self.n = rng.randint(*count)
        self.span = self.n * self.dt
        self.level = MIB * log_uniform(rng, *level)
        self.sd = self.level * log_uniform(rng, 0.0005, 0.02)
        self.tau = log_uniform(rng, 5, 200)
        self.onset = 0.0
        self.rate = 0.0
        self.missing = []
        self.period = 0.0  # of a sampler
        self.leaked = None  # bytes until t, where the rate is not the same all the time

    def set_steps(self, steps, least, most):
        self.dt = self.rng.choice(steps)
        self.n = self.rng.randint(least, most)
        self.span = self.n * self.dt

    def perfect_s(self):
        """Seconds in which a test that knows all but the leak could tell it, about: the time in
        which a line of that slope stands 4.5 errors out of the noise, or 25 samples are counted."""
        if self.period:
            return max(self.dt, 25 * self.period / self.rate)
        correlated = max(self.dt, 2 * self.tau)
        return max(self.dt, (12 * 4.5**2 * self.sd**2 * correlated / self.rate**2) ** (1 / 3))

    def times(self):
        return [i * self.dt for i in range(self.n)]

    def leak_rate(self, span):
        """Bytes per second that add 15 % to 400 % of the level over span, and stand out of the
        noise: T* = (12 z^2 s^2 dt / b^2)^(1/3), the time a perfect test needs, with z = 4.5 and the
        noise counted at its correlation time, is below a quarter of the span."""
        correlated = max(self.dt, 2 * self.tau)
        while True:
            rate = self.level * log_uniform(self.rng, 0.15, 4) / span
            perfect = (12 * 4.5**2 * self.sd**2 * correlated / rate**2) ** (1 / 3)
            if perfect < span / 4 and rate * span > 4 * MIB:
                return rate
            self.sd *= 0.8

    def noise(self):
        keep = math.exp(-self.dt / self.tau)
        kick = self.sd * math.sqrt(1 - keep * keep)
        value = self.rng.gauss(0, self.sd)
        for _ in range(self.n):
            value = keep * value + self.rng.gauss(0, kick)
            spike = self.rng.random() < 0.002
            yield value + self.rng.gauss(0, self.sd / 3) + (4 * self.sd * self.rng.random() if spike else 0)

    def rows(self, shape):
        """shape(t) is the memory without noise."""
        for t, noise in zip(self.times(), self.noise()):
            if not any(start <= t < end for start, end in self.missing):
                yield t, max(PAGE, round((shape(t) + noise) / PAGE) * PAGE)


def log_uniform(rng, low, high):
    return math.exp(rng.uniform(math.log(low), math.log(high)))


# ---- programs that leak: each sets s.onset and s.rate and returns the shape ---------------------


def linear(s):
    s.rate = s.leak_rate(s.span)
    return lambda t: s.level + s.rate * t


def late(s):
    s.onset = s.span * s.rng.uniform(0.2, 0.5)
    s.rate = s.leak_rate(s.span - s.onset)
    return lambda t: s.level + s.rate * max(0, t - s.onset)


def after_warmup(s):
    warm = s.span * s.rng.uniform(0.01, 0.06)
    s.onset = 3 * warm
    s.rate = s.leak_rate(s.span - s.onset)
    return lambda t: s.level * (1 - 0.6 * math.exp(-t / warm)) + s.rate * max(0, t - s.onset)


def under_collector(s):
    period = max(6 * s.dt, log_uniform(s.rng, 20, 200))
    swing = s.level * s.rng.uniform(0.05, 0.4)
    s.rate = s.leak_rate(s.span)
    return lambda t: s.level + s.rate * t + swing * (t % period / period)


def under_sawtooth(s):
    period = s.span / s.rng.uniform(12, 40)
    swing = s.level * s.rng.uniform(0.05, 0.3)
    s.rate = s.leak_rate(s.span)
    return lambda t: s.level + s.rate * t + swing * (t % period / period)


def bursty(s):
    mean = s.span / s.rng.uniform(40, 150)
    s.rate = s.leak_rate(s.span)
    jumps, at = [], 0.0
    while at < s.span:
        at += s.rng.expovariate(1 / mean)
        jumps.append(at)
    return steps_at(s, jumps, s.rate * mean)


def stairs(s):
    period = s.span / s.rng.uniform(40, 120)
    s.rate = s.leak_rate(s.span)
    return lambda t: s.level + s.rate * period * math.floor(t / period)


def steps_at(s, jumps, size):
    state = {"next": 0}

    def shape(t):
        while state["next"] < len(jumps) and jumps[state["next"]] <= t:
            state["next"] += 1
        return s.level + size * state["next"]

    return shape


def accelerating(s):
    s.rate = s.leak_rate(s.span)
    s.leaked = lambda t: s.rate * t * (0.6 + 0.4 * t / s.span)
    return lambda t: s.level + s.leaked(t)


def per_request(s):
    period = s.span / s.rng.uniform(6, 20)
    s.rate = s.leak_rate(s.span)
    deep = s.rng.uniform(0.3, 0.8)
    wave = lambda t: t - deep * period / (2 * math.pi) * math.sin(2 * math.pi * t / period)
    s.leaked = lambda t: s.rate * wave(t)
    return lambda t: s.level + s.leaked(t)


def under_day(s):
    s.dt, s.n = 60, 3400
    s.span = s.n * s.dt
    swing = s.level * s.rng.uniform(0.05, 0.25)
    phase = s.rng.random()
    s.rate = max(s.leak_rate(s.span), swing / DAY)
    return lambda t: s.level + s.rate * t + swing * (1 + math.sin(2 * math.pi * (t / DAY + phase))) / 2


def restarted(s):
    life = s.span / s.rng.uniform(2.5, 4)
    s.rate = s.leak_rate(life) + 1.5 * s.level / life
    return lambda t: s.level + s.rate * (t % life)


def with_gaps(s):
    for _ in range(4):
        start = s.rng.uniform(0.1, 0.9) * s.span
        s.missing.append((start, start + s.rng.uniform(0.01, 0.05) * s.span))
    return linear(s)


def big_heap(s):
    s.level *= 16
    s.sd = s.level * log_uniform(s.rng, 0.0002, 0.005)
    return late(s)


def fast(s):
    """Doubles within minutes: a program that will not live long."""
    s.set_steps((1, 2), 150, 1200)
    s.onset = s.span * s.rng.uniform(0.1, 0.4)
    s.rate = s.level * log_uniform(s.rng, 1.5, 12) / (s.span - s.onset)
    return lambda t: s.level + s.rate * max(0, t - s.onset)


def slow(s):
    """Watched for hours or days."""
    s.set_steps((15, 30, 60), 400, 6000)
    return linear(s)


def after_ramp(s):
    """More load, then a leak."""
    begin = s.span * s.rng.uniform(0.05, 0.2)
    length = s.span * s.rng.uniform(0.02, 0.08)
    swing = s.level * s.rng.uniform(0.2, 1)
    s.onset = begin + length
    s.rate = s.leak_rate(s.span - s.onset)
    ramp = lambda t: swing * min(1, max(0, (t - begin) / length))
    return lambda t: s.level + ramp(t) + s.rate * max(0, t - s.onset)


def sampled_leak(s):
    """Bytes of a site as a sampler of one block in every period bytes counts them."""
    s.period = s.level / log_uniform(s.rng, 8, 400)
    s.rate = log_uniform(s.rng, 100, 600) * s.period / s.span + s.level / s.span
    return sampled(s)


# ---- programs that do not -----------------------------------------------------------------------


def flat(s):
    return lambda t: s.level


def wandering(s):
    s.tau = s.span * s.rng.uniform(0.005, 0.03)
    s.sd = s.level * s.rng.uniform(0.01, 0.08)
    return lambda t: s.level


def warm_up(s):
    warm = s.span * s.rng.uniform(0.005, 0.1)
    return lambda t: s.level * (1 - s.rng_share * math.exp(-t / warm))


def cache(s):
    fill = s.span * s.rng.uniform(0.02, 0.15)
    return lambda t: s.level * (1 + s.rng_share * 2 * (1 - math.exp(-t / fill)))


def short_fill(s):
    fill = min(540, s.span / 10)
    return lambda t: s.level * (1 + s.rng_share * 2 * min(1, t / fill))


def collector(s):
    period = max(6 * s.dt, log_uniform(s.rng, 20, 300))
    swing = s.level * s.rng.uniform(0.1, 1)
    return lambda t: s.level + swing * (t % period / period)


def batch(s):
    period = s.span / s.rng.uniform(6, 20)
    busy = s.rng.uniform(0.1, 0.4)
    swing = s.level * s.rng.uniform(0.3, 2)

    def shape(t):
        phase = t % period / period / busy
        return s.level + swing * (min(1, 3 * phase) if phase < 1 else 0)

    return shape


def stepping(s):
    jumps = sorted(s.rng.uniform(0, s.span) for _ in range(s.rng.randint(1, 3)))
    return steps_at(s, jumps, s.level * s.rng.uniform(0.1, 0.4))


def logarithmic(s):
    early = s.span * s.rng.uniform(0.002, 0.01)
    return lambda t: s.level * (1 + 0.2 * s.rng_share * math.log(1 + t / early))


def daily(s):
    s.dt, s.n = 60, 3400
    s.span = s.n * s.dt
    swing = s.level * s.rng.uniform(0.05, 0.5)
    phase = s.rng.random()
    return lambda t: s.level + swing * (1 + math.sin(2 * math.pi * (t / DAY + phase))) / 2


def fragmenting(s):
    early = s.span * s.rng.uniform(0.01, 0.05)
    return lambda t: s.level * (1 + s.rng_share * t / (t + early))


def innocent_restarts(s):
    life = s.span / s.rng.uniform(2.5, 5)
    return lambda t: s.level * (1 - s.rng_share * math.exp(-(t % life) / (0.01 * s.span)))


def innocent_gaps(s):
    start = s.rng.uniform(0.2, 0.8) * s.span
    s.missing.append((start, start + s.rng.uniform(0.02, 0.1) * s.span))
    return s.rng.choice([flat, cache, collector])(s)


def drifting_collector(s):
    period = max(6 * s.dt, s.span / s.rng.uniform(40, 150))
    low, high = sorted(s.rng.uniform(0.1, 0.8) for _ in range(2))
    slow_turn = s.span / s.rng.uniform(1, 3)
    swing = lambda t: low + (high - low) * (1 + math.sin(2 * math.pi * t / slow_turn)) / 2
    return lambda t: s.level * (1 + swing(t) * (t % period / period))


def sampled_churn(s):
    s.period = s.level / log_uniform(s.rng, 8, 400)
    return sampled(s)


def sampled(s):
    """Live samples: births at a steady pace, lives of random length, and those that never die."""
    s.sd = 0
    life = s.span / s.rng.uniform(20, 200)
    births = s.level / s.period / life
    events = [(t, s.period) for t in poisson(s.rng, s.rate / s.period, 0, s.span)]
    for birth in poisson(s.rng, births, -3 * life, s.span):
        death = birth + s.rng.expovariate(1 / life)
        if death > 0:
            events += [(max(birth, 0), s.period), (death, -s.period)]
    return sums(sorted(events))


def poisson(rng, per_s, start, end):
    at = start
    while per_s > 0:
        at += rng.expovariate(per_s)
        if at >= end:
            return
        yield at


def sums(events):
    """The running sum of (time, bytes); it must be asked for rising times."""
    state = {"next": 0, "sum": 0.0}

    def shape(t):
        while state["next"] < len(events) and events[state["next"]][0] <= t:
            state["sum"] += events[state["next"]][1]
            state["next"] += 1
        return state["sum"]

    return shape


# ---- growth that ends: nothing in the series tells it from a leak before it does ------------------


def flushed(s):
    period = s.span / s.rng.uniform(4, 12)
    swing = s.level * s.rng.uniform(0.2, 1)
    return lambda t: s.level + swing * (t % period / period)


def straight_fill(s):
    fill = s.span * s.rng.uniform(0.1, 0.4)
    return lambda t: s.level * (1 + 2 * s.rng_share * min(1, t / fill))


def sessions(s):
    """Each lives for a fixed time, so a change of their rate is a straight climb of that length."""
    life = s.span * log_uniform(s.rng, 0.02, 0.15)
    share = s.rng.uniform(0.5, 2)
    changes, at = [], 0.0
    while at < s.span:
        pace = s.rng_share + log_uniform(s.rng, 0.3, 3)
        changes.append((at, pace))
        at += life * s.rng.uniform(1, 6)

    def born(t):
        total = 0.0
        for i, (start, pace) in enumerate(changes):
            end = changes[i + 1][0] if i + 1 < len(changes) else s.span
            total += pace * max(0, min(t, end) - start)
        return total

    return lambda t: s.level * (1 + share * (born(t) - born(t - life)) / life / 2)


def daily_rise(s):
    """The hours of a day in which load rises; the rest is not seen."""
    s.set_steps((5, 10, 15, 30), 700, 5000)
    s.tau = s.span * s.rng.uniform(0.005, 0.02)
    s.sd = s.level * log_uniform(s.rng, 0.0005, 0.005)
    swing = s.level * s.rng.uniform(0.1, 0.4)
    phase = s.rng.uniform(-0.25, 0.1) - 0.25
    return lambda t: s.level + swing * (1 + math.sin(2 * math.pi * (t / DAY + phase))) / 2


def ramp(s):
    begin = s.span * s.rng.uniform(0.2, 0.7)
    length = s.span * log_uniform(s.rng, 0.01, 0.15)
    swing = s.level * s.rng.uniform(0.4, 1.5)
    return lambda t: s.level + swing * min(1, max(0, (t - begin) / length))


LEAKY = [linear, late, after_warmup, under_collector, under_sawtooth, bursty, stairs, accelerating,
         per_request, under_day, restarted, with_gaps, big_heap, fast, slow, after_ramp,
         sampled_leak]
INNOCENT = [flat, wandering, warm_up, cache, short_fill, collector, batch, stepping, logarithmic,
            daily, fragmenting, innocent_restarts, innocent_gaps, drifting_collector, sampled_churn]
AMBIGUOUS = [flushed, straight_fill, sessions, daily_rise, ramp]


# ---- memory that follows a load, which is seen too ------------------------------------------------


def load_ramp(s):
    begin, length = s.span * s.rng.uniform(0.1, 0.5), s.span * s.rng.uniform(0.1, 0.45)
    height = s.rng.uniform(0.5, 3)
    return lambda t: 1 + height * min(1, max(0, (t - begin) / length))


def load_daily(s):
    s.set_steps((30, 60), 2900, 5800)
    deep, phase = s.rng.uniform(0.3, 0.8), s.rng.random()
    return lambda t: 1 + deep * math.sin(2 * math.pi * (t / DAY + phase))


def load_side(s):
    """The hours of a day in which load rises or falls."""
    s.set_steps((5, 10, 15, 30), 700, 4000)
    deep, phase = s.rng.uniform(0.3, 0.8), s.rng.uniform(-0.25, 0.5)
    return lambda t: 1 + deep * math.sin(2 * math.pi * (t / DAY + phase))


def load_steps(s):
    changes, at = [], 0.0
    while at < s.span:
        changes.append((at, s.rng.uniform(0.5, 3)))
        at += s.span * s.rng.uniform(0.05, 0.25)

    def load(t):
        level = 1.0
        for begin, height in changes:
            level = height if begin <= t else level
        return level

    return load


def load_waves(s):
    period = s.span / s.rng.uniform(6, 30)
    deep, phase = s.rng.uniform(0.3, 0.9), s.rng.random()
    return lambda t: 1 + deep * math.sin(2 * math.pi * (t / period + phase))


LOADS = [load_ramp, load_daily, load_side, load_steps, load_waves]


def load_rows(s, load, by_work):
    """Memory follows the load with a lag; the load is seen with 5 % of error."""
    share = s.rng.uniform(0.2, 0.7)
    lag = log_uniform(s.rng, s.dt, 300 + s.dt)
    unit = log_uniform(s.rng, 1, 5000)
    follow, work = load(0), 0.0
    total = sum(load(t) for t in s.times()) * s.dt
    done = {}
    for t, noise in zip(s.times(), s.noise()):
        now = load(t)
        follow += (now - follow) * (1 - math.exp(-s.dt / lag))
        work += now * s.dt
        leaked = done[t] = s.rate * (work * s.span / total if by_work else t)
        level = s.level * (1 - share + share * follow) + leaked + noise
        yield t, max(PAGE, round(level / PAGE) * PAGE), now * unit * (1 + s.rng.gauss(0, 0.05))
    s.leaked = (lambda t: done[t]) if by_work else None


LEAKED_ROWS = 200


def leaked_rows(name, s):
    """Where the rate of a leak changes, what it has leaked until then: a rate is true of a time."""
    if not s.leaked or not s.rate:
        return []
    times = s.times()
    some = times[:-1:max(1, len(times) // LEAKED_ROWS)] + times[-1:]
    return [[name, t, round(s.leaked(t))] for t in some]


def write_load(folder, rng, make, kind, number):
    s = Series(rng, steps=(5, 10, 15, 30, 60))
    load = make(s)
    if kind == "leak":  # beside a load that moves as much
        s.rate = max(s.leak_rate(s.span), s.level / s.span)
    name = "%s_%s_%02d.csv" % (kind, make.__name__, number)
    with open(os.path.join(folder, name), "w") as file:
        file.write("t_seconds,bytes,load\n")
        file.writelines("%d,%d,%.3f\n" % row for row in load_rows(s, load, number % 2 == 1))
    row = [name, "%s_%s" % (kind, make.__name__), int(kind == "leak"), 0, round(s.rate, 1), s.dt]
    return row, [name, round(s.perfect_s(), 1)] if kind == "leak" else None, leaked_rows(name, s)


# ---- objects that live and die, a sample of which is seen -----------------------------------------
# Each returns births and deaths; a leaked object has no death.

NEVER = float("inf")


def lives(s, pace, top, life):
    """Births at pace(t) a second, at most top; life() seconds each."""
    for birth in poisson(s.rng, top, 0, s.span):
        if s.rng.random() < pace(birth) / top:
            yield birth, birth + life()


def spread(s, mean):
    """Lives differ by a factor of two or so."""
    return lambda: mean * math.exp(s.rng.gauss(-0.245, 0.7))


def churn_and(s, share_leaked):
    """A site whose objects die young, but for those that it leaks from the onset on."""
    life = spread(s, s.span * log_uniform(s.rng, 0.002, 0.02))
    pace = 300 / s.span / share_leaked * s.rng.uniform(1, 3)
    leaks = lambda t: t >= s.onset and s.rng.random() < share_leaked
    s.rate = pace * share_leaked
    return ((birth, NEVER if leaks(birth) else death)
            for birth, death in lives(s, lambda t: pace, pace, life))


def leak_all(s):
    return churn_and(s, 1)


def leak_few(s):
    return churn_and(s, log_uniform(s.rng, 0.05, 0.5))


def leak_late(s):
    s.onset = s.span * s.rng.uniform(0.2, 0.5)
    return churn_and(s, log_uniform(s.rng, 0.05, 0.5))


def age_flush(s):
    """A buffer that is written out when it is full."""
    period = s.span / s.rng.uniform(4, 12)
    pace = 300 / period
    return ((t, (math.floor(t / period) + 1) * period) for t in poisson(s.rng, pace, 0, s.span))


def age_sessions(s):
    life = s.span * log_uniform(s.rng, 0.01, 0.1)
    changes = [(s.span * i / 6, log_uniform(s.rng, 0.4, 2.5)) for i in range(6)]
    pace = lambda t: 200 / life * [height for at, height in changes if at <= t][-1]
    return lives(s, pace, 200 / life * 2.5, spread(s, life))


def age_cache(s):
    """The least used goes when it is full; popular keys come more often than others."""
    size, keys = s.rng.randint(200, 800), s.rng.randint(1000, 4000)
    pace = size / (s.span * s.rng.uniform(0.02, 0.3))
    held, dead = {}, []  # key: birth, in the order of use
    for t in poisson(s.rng, pace, 0, s.span):
        key = int(keys ** s.rng.random())
        birth = held.pop(key, t)
        if len(held) == size:
            oldest = next(iter(held))
            dead.append((held.pop(oldest), t))
        held[key] = birth
    return sorted(dead + [(birth, NEVER) for birth in held.values()])


def age_day(s):
    """Requests of the hours in which a day's load rises."""
    s.set_steps((10, 15, 30), 900, 3000)
    phase = s.rng.uniform(-0.35, -0.15)
    life = s.span * log_uniform(s.rng, 0.003, 0.03)
    pace = lambda t: 300 / life * (0.6 + 0.4 * math.sin(2 * math.pi * (t / DAY + phase)))
    return lives(s, pace, 300 / life, spread(s, life))


def climb(s):
    begin, length = s.span * s.rng.uniform(0.2, 0.6), s.span * log_uniform(s.rng, 0.02, 0.25)
    height = s.rng.uniform(0.5, 2)
    return lambda t: 1 + height * min(1, max(0, (t - begin) / length)), 1 + height


def age_ramp(s):
    shape, top = climb(s)
    life = s.span * log_uniform(s.rng, 0.002, 0.02)
    return lives(s, lambda t: 200 / life * shape(t), 200 / life * top, spread(s, life))


def age_ramp_leak(s):
    """The work rises, and when it has risen it leaks: an alarm before that is a false one. It leaks
    for an hour at least: who waits ten minutes needs more to decide."""
    s.set_steps((5, 10, 15, 30, 60), max(s.n, 800), max(s.n, 800))
    shape, top = climb(s)
    s.onset = next(t for t in s.times() if shape(t) >= top - 1e-9)
    life = spread(s, s.span * log_uniform(s.rng, 0.002, 0.02))
    pace = 200 / (s.span * 0.005)
    leaked = 1000 / (s.span - s.onset) / (pace * top)
    s.rate = pace * top * leaked
    return ((birth, NEVER if birth >= s.onset and s.rng.random() < leaked else death)
            for birth, death in lives(s, lambda t: pace * shape(t), pace * top, life))


AGE_LEAKY = [leak_all, leak_few, leak_late, age_ramp_leak]
AGE_INNOCENT = [age_flush, age_sessions, age_cache, age_day, age_ramp]


def age_rows(s, objects):
    """Bytes of the objects that live, and the age of the oldest, at the times of the series."""
    objects = iter(objects)
    coming = next(objects, None)
    deaths, births = [], []
    dead = collections.Counter()
    count = 0
    for t in s.times():
        while coming and coming[0] <= t:
            heapq.heappush(deaths, (coming[1], coming[0]))
            heapq.heappush(births, coming[0])
            count += 1
            coming = next(objects, None)
        while deaths and deaths[0][0] <= t:
            dead[heapq.heappop(deaths)[1]] += 1
            count -= 1
        while births and dead[births[0]]:
            dead[heapq.heappop(births)] -= 1
        yield t, PAGE + count * s.period, t - births[0] if births else 0


def write_ages(folder, rng, make, kind, number):
    s = Series(rng)
    s.set_steps((1, 2, 5, 10, 15, 30, 60), *[round(log_uniform(rng, 120, 5000))] * 2)
    s.period = s.level / 300
    objects = make(s)
    name = "%s_%s_%02d.csv" % (kind, make.__name__, number)
    with open(os.path.join(folder, name), "w") as file:
        file.write("t_seconds,bytes,oldest_s\n")
        file.writelines("%d,%d,%.1f\n" % row for row in age_rows(s, objects))
    s.rate *= s.period
    row = [name, "%s_%s" % (kind, make.__name__), int(kind == "leak"), round(s.onset, 1),
           round(s.rate, 1), s.dt]
    return row, [name, round(s.perfect_s(), 1)] if kind == "leak" else None, leaked_rows(name, s)


def write_series(folder, rng, make, kind, number):
    s = Series(rng)
    s.rng_share = rng.uniform(0.2, 0.8)
    shape = make(s)
    name = "%s_%s_%02d.csv" % (kind, make.__name__, number)
    with open(os.path.join(folder, name), "w") as file:
        file.write("t_seconds,bytes\n")
        file.writelines("%d,%d\n" % row for row in s.rows(shape))
    row = [name, "%s_%s" % (kind, make.__name__), int(kind == "leak"), round(s.onset, 1),
           round(s.rate, 1), s.dt]
    return row, [name, round(s.perfect_s(), 1)] if kind == "leak" else None, leaked_rows(name, s)


def write_table(path, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def write_all(folder, seed, each, groups, write):
    os.makedirs(folder, exist_ok=True)
    labels = ["file class leak onset_s rate_bytes_per_s sample_interval_s".split()]
    oracle = ["file oracle_ttd_s".split()]
    leaked = ["file t_seconds leaked_bytes".split()]
    for kind, makes in groups:
        for make in makes:
            for number in range(each):
                rng = random.Random("%d %s %s %d" % (seed, kind, make.__name__, number))
                label, perfect, changing = write(folder, rng, make, kind, number)
                labels.append(label)
                leaked += changing
                oracle += [perfect] if perfect else []
    write_table(os.path.join(folder, "labels.csv"), labels)
    write_table(os.path.join(folder, "oracle.csv"), oracle)
    write_table(os.path.join(folder, "leaked.csv"), leaked)


def generate(folder, seed, each):
    write_all(folder, seed, each, (("leak", LEAKY), ("ok", INNOCENT), ("ends", AMBIGUOUS)),
              write_series)


def generate_ages(folder, seed, each):
    write_all(folder, seed, each, (("leak", AGE_LEAKY), ("ok", AGE_INNOCENT)), write_ages)


def generate_loads(folder, seed, each):
    write_all(folder, seed, each, (("leak", LOADS), ("ok", LOADS)), write_load)


def main():
    parser = argparse.ArgumentParser(description="generates labelled memory series")
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=4, help="series a class")
    options = parser.parse_args()
    generate(options.folder, options.seed, options.each)


if __name__ == "__main__":
    main()
