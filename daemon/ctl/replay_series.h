/* SPDX-License-Identifier: MIT */
/* One recorded series under the detector. Reads no clock and nothing of this machine. */
#ifndef LEAKD_CTL_REPLAY_SERIES_H
#define LEAKD_CTL_REPLAY_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/ctl/csv.h"
#include "daemon/detect/detect.h"
#include "daemon/detect/load.h"

/* What time a series is judged in: the clock's, or one that advances with the load. */
enum replay_clock { CLOCK_TIME, CLOCK_WORK };

struct replay_series;

/* The verdict has changed, at the newest sample. */
typedef void (*replay_on_change)(void *arg, const struct replay_series *series);

/* What all series of a file have in common. */
struct replay_settings {
    const struct detect_profile *profile;
    enum replay_clock clock;
    bool has_load; /* a row may have one */
    replay_on_change on_change;
    void *arg;
};

#define REPLAY_FIRST_MAX 33 /* samples that say the sampling interval and the usual load */

struct replay_series {
    const struct replay_settings *settings;
    char *name; /* NULL: the only one of its file */
    struct replay_series *next; /* the caller's */
    bool running; /* the interval is known */
    double t_s;   /* of the newest sample */
    double load;  /* the newest known */
    struct detector plain;
    struct load_detector with_load;
    struct work_clock work;
    uint64_t work_ms; /* of the newest sample */
    unsigned first_count;
    double first[REPLAY_FIRST_MAX][CSV_VALUES];
};

/* The settings stay the caller's and outlive the series; the name (NULL: none) is copied.
 * NULL: no memory. */
struct replay_series *replay_series_new(const struct replay_settings *settings, const char *name,
                                        size_t name_len);
void replay_series_free(struct replay_series *series); /* NULL is fine */

void replay_series_push(struct replay_series *series, const struct csv_row *row);

/* After the last row: a series too short to say its interval is judged now. */
void replay_series_finish(struct replay_series *series);

/* As of the newest sample. */
void replay_series_read(const struct replay_series *series, struct detect_result *out);

#endif
