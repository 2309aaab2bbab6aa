/* SPDX-License-Identifier: MIT */
/*
 * What a sample costs the detector, at 1 s sampling and at 60 s (where every second one closes a
 * block), and its size. By hand, from the top folder:
 *   cc -O2 -D_GNU_SOURCE -ffp-contract=off -I. tests/bench/bench_detect.c daemon/detect/x.c... -lm
 * with all .c files of daemon/detect.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "daemon/detect/load.h"

#define SAMPLES 4000000u

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static uint32_t noise_state = 1;

static double noise(void)
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return (double)(noise_state >> 8);
}

static double samples_bytes[4096];

static void measure(const char *name, uint64_t step_ms, double rate)
{
    struct detector detector;
    unsigned changes = 0;
    double started;

    detector_init(&detector, detect_profile_find("default"), step_ms, 1);
    for (unsigned i = 0; i < 4096; i++)
        samples_bytes[i] = 2e8 + noise() / 16;
    started = now_ns();
    for (unsigned i = 0; i < SAMPLES; i++) {
        struct detect_sample sample = {.time_ms = i * step_ms,
                                       .bytes = samples_bytes[i % 4096] + rate * i};

        changes += detector_push(&detector, &sample);
    }
    printf("%-28s %6.1f ns a sample (%u changes)\n", name, (now_ns() - started) / SAMPLES, changes);
}

/* The bytes follow the load by as much as they wander; on top of that they may leak. */
static void measure_load(const char *name, uint64_t step_ms, double rate)
{
    struct load_detector detector;
    unsigned changes = 0;
    double started;

    load_init(&detector, detect_profile_find("default"), step_ms);
    started = now_ns();
    for (unsigned i = 0; i < SAMPLES; i++) {
        double load = samples_bytes[i / 64 % 4096];
        struct detect_sample sample = {.time_ms = i * step_ms,
                                       .bytes = samples_bytes[i % 4096] + load + rate * i};

        changes += load_push(&detector, &sample, load / 1e6);
    }
    printf("%-28s %6.1f ns a sample (%u changes)\n", name, (now_ns() - started) / SAMPLES, changes);
}

int main(void)
{
    printf("struct detector              %6zu bytes\n", sizeof(struct detector));
    printf("struct load_detector         %6zu bytes\n", sizeof(struct load_detector));
    measure("1 s, noise", 1000, 0);
    measure("1 s, a leak", 1000, 100);
    measure("60 s, noise", 60000, 0);
    measure("60 s, a leak", 60000, 100);
    measure_load("1 s, with a load", 1000, 0);
    measure_load("1 s, a leak with a load", 1000, 100);
    measure_load("60 s, with a load", 60000, 0);
    measure_load("60 s, a leak with a load", 60000, 100);
    return 0;
}
