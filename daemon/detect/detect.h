/* SPDX-License-Identifier: MIT */
/*
 * The growth test: a ladder of rolling regressions over lower envelopes, one detector a series.
 * Pure: values and times in, a verdict out. No clock, I/O, allocation or log; the same samples give
 * the same verdicts on every machine. `struct detector` is a plain value that may be copied.
 */
#ifndef LEAKD_DETECT_DETECT_H
#define LEAKD_DETECT_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERDICTS(X)                                                                                \
    X(LEARNING, "learning")                                                                        \
    X(OK, "ok")                                                                                    \
    X(SUSPECT, "suspect")                                                                          \
    X(LEAK, "leak")                                                                                \
    X(FRAGMENTATION, "fragmentation")                                                              \
    X(RESOLVED, "resolved")

enum verdict {
#define X(name, text) VERDICT_##name,
    VERDICTS(X)
#undef X
};

const char *verdict_name(enum verdict verdict);

static inline bool verdict_is_growing(enum verdict verdict)
{
    return verdict == VERDICT_SUSPECT || verdict == VERDICT_LEAK ||
           verdict == VERDICT_FRAGMENTATION;
}

static inline bool verdict_is_alarm(enum verdict verdict)
{
    return verdict == VERDICT_LEAK || verdict == VERDICT_FRAGMENTATION;
}

/* Bytes per second with its 95 % interval. */
struct growth {
    bool known;
    double estimate;
    double lower;
    double upper;
    double pace; /* of upper: what a load that follows the day may add for some hours */
};

/* A span of time with its 95 % interval; upper is INFINITY when growth may be zero. */
struct forecast {
    bool known;
    double estimate_s;
    double lower_s;
    double upper_s;
};

/* Thresholds; profile.c gives each its reason. */
struct detect_profile;
const struct detect_profile *detect_profile_find(const char *name); /* NULL: no such profile */
const char *detect_profile_name(const struct detect_profile *profile);

#include "daemon/detect/detector.h" /* struct detector and its parts: size known, fields private */

struct detect_sample {
    uint64_t time_ms;    /* monotonic */
    double bytes;        /* <= 0 is no sample */
    double limit_bytes;  /* nearest limit, 0 = none: shortens the waiting */
    double noise_bytes2; /* variance of one sample that is known beforehand: 0 for exact series,
                            period * level for a sampled site */
    uint64_t oldest_ms;  /* age of the oldest object that lives, 0 = not known: a second opinion,
                            what grows by objects that die before it ends is no leak */
};

/* step_ms is the sampling interval. extra_z widens the test for multiplicity: for M sites tested
 * at once z becomes sqrt(z^2 + 2 ln M); pass M, 1 for a process. */
void detector_init(struct detector *detector, const struct detect_profile *profile,
                   uint64_t step_ms, unsigned multiplicity);

/* True when the verdict changed. */
bool detector_push(struct detector *detector, const struct detect_sample *sample);

/* The process behind the series started anew: a standing leak is resolved, history is kept. */
void detector_restart(struct detector *detector);

/* What the detector knows now. Times are those of the samples. */
struct detect_result {
    enum verdict verdict; /* never FRAGMENTATION: that is the watch's to say, of two series */
    uint64_t changed_ms;  /* when the verdict became this */
    uint64_t since_ms;    /* start of the growth; valid in suspect, leak and resolved */
    struct growth growth; /* known once a window is full */
    double z;             /* of the scale that decides */
    /* The line through the deciding window: bytes(t) = fit_bytes + growth.estimate * (t -
     * fit_from). */
    bool has_fit;
    uint64_t fit_from_ms;
    uint64_t fit_to_ms;
    double fit_bytes;
    unsigned passes; /* consecutive windows that passed at that scale */
    /* A suspicion that would be a leak if ... */
    bool explained_by_load; /* ... the load did not rise too */
    bool oldest_die;        /* ... the oldest objects lived on */
    bool uncollected;       /* ... a full garbage collection had been through it (the watch's) */
};

void detector_read(const struct detector *detector, struct detect_result *out);

/* One sentence for people: "growing 14.2 MiB/h (12.9 to 15.6) for 5 h 20 min". */
void detect_explain(const struct detect_result *result, uint64_t now_ms, char *out, size_t size);

/*
 * The tests behind a verdict, with their figures (SITES_LIVE and COLLECTED are the watch's): those
 * of the growth that would be called a leak first, or of the usual window while nothing grows. A
 * leak passes all of them when it is called, but for waits that a limit has cut short which would
 * have been reached meanwhile, and for a newest block that may not have held a trough yet.
 */
#define DETECT_TESTS(X)                                                                            \
    X(STRAIGHT)                                                                                    \
    X(EVEN)                                                                                        \
    X(LASTING)                                                                                     \
    X(BEGUN)                                                                                       \
    X(GAIN)                                                                                        \
    X(NOT_SLOWING)                                                                                 \
    X(WAIT_LEAST)                                                                                  \
    X(WAIT_SAMPLES)                                                                                \
    X(WAIT_AGE)                                                                                    \
    X(WAIT_GAIN)                                                                                   \
    X(WAIT_SUMMIT)                                                                                 \
    X(WAIT_PACE)                                                                                   \
    X(WAIT_HISTORY)                                                                                \
    X(LONG_ENOUGH)                                                                                 \
    X(REPEATED)                                                                                    \
    X(STILL_GROWS)                                                                                 \
    X(OLDEST_LIVE)                                                                                 \
    X(SITES_LIVE)                                                                                  \
    X(COLLECTED)                                                                                   \
    X(NOT_LOAD)                                                                                    \
    X(DAY)

enum detect_test {
#define X(name) DETECT_TEST_##name,
    DETECT_TESTS(X)
#undef X
        DETECT_CHECKS_MAX
};

struct detect_check {
    enum detect_test test;
    double value;
    double needed; /* a span may be INFINITY: never */
    bool passed;   /* not always value against needed: a bend must be certain to count */
};

/* Returns how many; 0 while no window is full. */
size_t detect_explain_tests(const struct detector *detector,
                            struct detect_check out[DETECT_CHECKS_MAX]);

const char *detect_test_name(enum detect_test test); /* "wait_gain", for programs */
bool detect_test_at_most(enum detect_test test);     /* needed is the most, not the least */
/* For people: "time to add a share of the memory: 12 min, at least 20 min". */
void detect_check_text(const struct detect_check *check, char *out, size_t size);

/* Time from level to limit at that growth; not known without growth or limit. */
struct forecast forecast_to_limit(const struct growth *growth, double level_bytes,
                                  double limit_bytes);

/*
 * One regression, for series too short-lived to have a detector: n equidistant values (4..64).
 * The interval is corrected for lag-1 autocorrelation of the residuals (the formulas of the
 * ladder's test). False when n is out of range.
 */
struct trend {
    double slope_per_step;
    double se_per_step;
    double z;          /* standard normal equivalent of slope / se */
    double t_quantile; /* 97.5 % of Student's t with the effective degrees of freedom */
    double intercept;  /* at the first value */
};

bool trend_fit(const double *y, size_t n, double noise_variance, struct trend *out);

/*
 * The same for a walk: a series whose steps are independent, as the live bytes of a sampled site
 * are. The slope is the mean step; step_variance is what is known of one step's variance beforehand
 * (period * bytes gained a step), a floor to what the steps show. False when n is out of range.
 */
bool drift_fit(const double *y, size_t n, double step_variance, struct trend *out);

#endif
