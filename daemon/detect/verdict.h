/* SPDX-License-Identifier: MIT */
/* From windows that pass to a verdict: the candidate, how long it must last, the state. */
#ifndef LEAKD_DETECT_VERDICT_H
#define LEAKD_DETECT_VERDICT_H

#include "daemon/detect/detector.h"

/* A base block was closed. Moves detector->verdict. */
void verdict_step(struct detector *detector);

/* Base blocks since the growth of a suspicion or leak began; 0 where time has run backwards
 * meanwhile. */
double verdict_lasted(const struct detector *detector);

/* The process is another one. */
void verdict_restart(struct detector *detector);

#endif
