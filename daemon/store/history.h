/* SPDX-License-Identifier: MIT */
/*
 * What processes held over months, in a file of its own, so that it can neither delay nor damage
 * what is precious: live bytes and RSS every few seconds, rolled up to steps of 10 s for a day,
 * of 1 min for two weeks, of 10 min until the retention. A power cut may take the last minute.
 * Requests are made in the loop thread's memory, a worker runs them, the answers come back with
 * them. Every function that takes a history blocks and belongs to the thread that holds it.
 */
#ifndef LEAKD_STORE_HISTORY_H
#define LEAKD_STORE_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names a process over restarts of leakd: boot, process and program. */
#define HISTORY_NAME_SIZE 120

struct history_sample {
    char process[HISTORY_NAME_SIZE];
    double live_bytes; /* NAN: not known */
    double rss_bytes;
};

/* One step; NAN where nothing is known. */
struct history_point {
    uint64_t wall_ms; /* start of the step */
    double live_min;
    double live_mean;
    double rss_min;
    double rss_mean;
};

/* What a process held from `from` until before `to`, oldest first; steps before the day are longer.
 */
struct history_question {
    char process[HISTORY_NAME_SIZE];
    uint64_t from_wall_ms;
    uint64_t to_wall_ms;
    struct history_point *points; /* the answer; free() */
    size_t count;
};

struct history_work {
    uint64_t now_wall_ms;
    struct history_sample *samples; /* taken now */
    size_t sample_count;
    struct history_question *questions;
    size_t question_count;
};

struct history;

struct history_limits {
    uint64_t retention_ms;
    uint64_t bytes_max; /* beyond it the oldest leaves, whatever the retention says */
};

struct history_status {
    int error;        /* of the last run, 0: all is well */
    uint64_t damaged; /* files that were put aside */
    uint64_t bytes;   /* on the disk */
    char aside[256];  /* the last one that was */
};

int history_new(const char *folder, const struct history_limits *limits, struct history **out);
void history_free(struct history *history);
/* Opens the file when it is not open. On failure the samples are lost; answers may be empty. */
int history_run(struct history *history, struct history_work *work);
void history_read_status(const struct history *history, struct history_status *out);

#endif
