/* SPDX-License-Identifier: MIT */
/* Feeds invented series to a detector. */
#ifndef LEAKD_TESTS_FEED_H
#define LEAKD_TESTS_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/detect/detect.h"

#define KIB   1024.0
#define MIB   (1024.0 * 1024)
#define HOUR  3600.0
#define DAY   86400.0
#define NEVER 1e18

struct feed {
    struct detector detector;
    uint64_t start_ms;
    uint64_t step_ms;
    double t; /* seconds fed so far */
    double limit;
    unsigned alarms; /* changes into leak */
    double first_leak;
    double first_suspect;
    uint32_t noise;
};

static inline void feed_init(struct feed *feed, const char *profile, double step_s)
{
    *feed = (struct feed){.start_ms = 7777777,
                          .step_ms = (uint64_t)(step_s * 1000),
                          .noise = 1,
                          .first_leak = NEVER,
                          .first_suspect = NEVER};
    detector_init(&feed->detector, detect_profile_find(profile), feed->step_ms, 1);
}

/* Uniform in -1..1, the same on every machine. */
static inline double feed_noise(struct feed *feed)
{
    feed->noise = feed->noise * 1664525u + 1013904223u;
    return (double)(feed->noise >> 8) / 8388608.0 - 1;
}

static inline bool feed_one(struct feed *feed, double bytes)
{
    struct detect_sample sample = {.time_ms = feed->start_ms + (uint64_t)(feed->t * 1000),
                                   .bytes = bytes,
                                   .limit_bytes = feed->limit};
    bool changed = detector_push(&feed->detector, &sample);

    if (changed && feed->detector.found.verdict == VERDICT_LEAK) {
        feed->alarms++;
        if (feed->first_leak >= NEVER)
            feed->first_leak = feed->t;
    }
    if (changed && feed->detector.found.verdict == VERDICT_SUSPECT && feed->first_suspect >= NEVER)
        feed->first_suspect = feed->t;
    feed->t += (double)feed->step_ms / 1000;
    return changed;
}

/* For so many seconds: from + rate * (seconds since the call) + swing * noise. */
static inline void feed_line(struct feed *feed, double seconds, double from, double rate,
                             double swing)
{
    double begin = feed->t;

    while (feed->t < begin + seconds)
        feed_one(feed, from + rate * (feed->t - begin) + swing * feed_noise(feed));
}

static inline enum verdict feed_verdict(const struct feed *feed)
{
    struct detect_result result;

    detector_read(&feed->detector, &result);
    return result.verdict;
}

#endif
