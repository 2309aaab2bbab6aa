/* SPDX-License-Identifier: MIT */
/* Reads recorded series, `t_seconds,bytes[,load][,oldest_s][,series]`, piece by piece, so that their
 * size is no matter. The columns may stand in any order. There is no quoting: a name is what stands
 * between two commas. */
#ifndef LEAKD_CTL_CSV_H
#define LEAKD_CTL_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_LINE_MAX    4096 /* longer lines are an error */
#define CSV_COLUMNS_MAX 32
#define CSV_SERIES_MAX  256 /* bytes of a name */
#define CSV_ERROR_MAX   160
#define CSV_TIME_MAX_S  1e12 /* later is a mistake: milliseconds must stay whole */

/* What a column is: one of the numbers, the name of the row's series, or nothing that is read. */
enum csv_meaning {
    CSV_TIME,
    CSV_BYTES,
    CSV_LOAD,
    CSV_OLDEST,
    CSV_VALUES,
    CSV_SERIES = CSV_VALUES,
    CSV_IGNORED
};

struct csv_row {
    double value[CSV_VALUES]; /* load and oldest are NAN where they are empty or have no column */
    const char *series;       /* not terminated, gone after the call; NULL without such a column */
    size_t series_len;        /* 1 to CSV_SERIES_MAX, none of them zero */
};

/* One line; stops the reading when it returns false. */
typedef bool (*csv_on_sample)(void *arg, const struct csv_row *row);

struct csv {
    csv_on_sample on_sample;
    void *arg;
    uint64_t line;                    /* of the text, from 1 */
    uint8_t meaning[CSV_COLUMNS_MAX]; /* enum csv_meaning by column */
    bool has[CSV_IGNORED];            /* a column */
    unsigned last_column;             /* that has a meaning */
    unsigned columns;                 /* in the header; 0 before it was seen */
    unsigned ignored;                 /* columns that nobody reads */
    bool stopped;                     /* by on_sample */
    size_t held;                      /* of a line whose end has not come yet */
    char hold[CSV_LINE_MAX + 1];
    char error[CSV_ERROR_MAX]; /* what is wrong in `line`; empty while nothing is */
};

void csv_init(struct csv *csv, csv_on_sample on_sample, void *arg);

/* False after an error; what follows is not read. */
bool csv_feed(struct csv *csv, const char *data, size_t len);

/* The end of the text: the last line may lack its newline. */
bool csv_finish(struct csv *csv);

#endif
