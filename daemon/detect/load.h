/* SPDX-License-Identifier: MIT */
/*
 * A series beside the load that its memory follows: requests a second, sessions, queries. What the
 * load explains is taken off the bytes, and a second ladder judges the rest. Pure like the
 * detector, and a plain value that may be copied.
 */
#ifndef LEAKD_DETECT_LOAD_H
#define LEAKD_DETECT_LOAD_H

#include "daemon/detect/detect.h"
#include "daemon/detect/lags.h"

/* Weighted sums over the differences of a scale's windows, fading: x load, y bytes, t time. */
struct load_sums {
    float xx;
    float xy;
    float xt;
    float ty;
    float tt;
    float error; /* what the error of the load adds to xx */
};

struct load_detector {
    struct detector raw; /* the bytes; its longer blocks are those where the rest is least */
    /* In the rest, the bytes as they would be at the load of the first block. All else the two
     * share: the blocks, and the day, which is the rest's, for what the load of the day explains is
     * no news of it. */
    struct detect_found rest;
    struct detect_load load; /* through the best lag */
    struct load_sums sums[DETECT_SCALES];
    struct load_lags lags;
    float sum; /* of the open block */
    uint32_t count;
    float newest; /* of the last block */
    float before; /* and the one before it */
    float error2; /* variance of the load of a block that is no load */
    uint8_t verdict;
    bool has_load;
    bool is_explained; /* the bytes leak; the rest does not, or the load rises as well */
    uint64_t changed_ms;
};

void load_init(struct load_detector *detector, const struct detect_profile *profile,
               uint64_t step_ms);

/* True when the verdict changed. load >= 0 in any unit in which it stays below 2^40 (packed.h). */
bool load_push(struct load_detector *detector, const struct detect_sample *sample, double load);

void load_restart(struct load_detector *detector);

/* The result of the rest: its growth is what the load does not explain. Where it explains all, that
 * of the bytes, which are only suspect then; but what would reach its limit in as long again as it
 * has grown is called a leak, whatever explains it. */
void load_read(const struct load_detector *detector, struct detect_result *out);

/* detect_explain_tests of the rest, and the test against the load. */
size_t load_explain_tests(const struct load_detector *detector,
                          struct detect_check out[DETECT_CHECKS_MAX]);

/*
 * Time that advances with the work done instead of the clock's: a leak a request is a straight line
 * in it, whatever the load does. Its second is the time that the usual load takes for the work.
 */
struct work_clock {
    double usual; /* load at which it runs as the clock does */
    double work_s;
    uint64_t last_ms;
    bool has_started;
};

void work_clock_init(struct work_clock *clock, double usual_load);

/* Work time after this sample; it stands still while load is 0. */
uint64_t work_clock_ms(struct work_clock *clock, uint64_t time_ms, double load);

#endif
