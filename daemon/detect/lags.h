/* SPDX-License-Identifier: MIT */
/* How late memory follows its load: at once, or with the lives of sessions and the patience of
 * collectors. Which it is shows in the differences of both over a window of base blocks. */
#ifndef LEAKD_DETECT_LAGS_H
#define LEAKD_DETECT_LAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/detect/detector.h"

#define LOAD_LAGS 10

/* Of every lag the load through it, and weighted sums over its differences, fading. */
struct load_lags {
    float smooth[LOAD_LAGS];
    float turn[LOAD_LAGS];     /* what smooth has changed by in DETECT_BLOCKS blocks */
    float xx[LOAD_LAGS];       /* turn by turn */
    float xy[LOAD_LAGS];       /* turn by the bytes' gain */
    float xt[LOAD_LAGS];       /* turn by time */
    float past[DETECT_BLOCKS]; /* loads; block n stands at n % DETECT_BLOCKS */
    float mean;                /* of all since the process began */
    float yy;                  /* what the sums of all lags have in common */
    float ty;
    float tt;
    float error; /* what the error of the load adds to the xx of lag 0 */
    uint8_t best;
};

/* A base block of this load has closed, the one after so many others of the process. */
void lags_put(struct load_lags *lags, uint32_t blocks, float load);

/* Learns from that block: the bytes have gained so much in DETECT_BLOCKS blocks, of which there
 * must have been more; error2 is the variance of the load that is no load. */
void lags_learn(struct load_lags *lags, float gain, float error2);

/* The load through the lag that explains the bytes best. */
float lags_load(const struct load_lags *lags);
/* Which part of the variance of the load's error is left in that. */
float lags_error_share(const struct load_lags *lags);

#endif
