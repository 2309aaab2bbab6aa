/* SPDX-License-Identifier: MIT */
#include "conf/demo/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX    16
#define ROW_BYTES   480 /* a row is padded to the printer's line */
#define NOINLINE    __attribute__((noinline))

struct report {
    char *rows[ROWS_MAX];
    unsigned count;
};

/* Copies a text into a line of its own. */
static NOINLINE char *line_copy(const char *text)
{
    char *line = calloc(1, ROW_BYTES);

    if (line)
        memcpy(line, text, strnlen(text, ROW_BYTES - 1));
    return line;
}

static NOINLINE char *row_format(const char *name, long value)
{
    char text[128];

    snprintf(text, sizeof(text), "%s: %ld", name, value);
    return line_copy(text);
}

struct report *report_new(void)
{
    return calloc(1, sizeof(struct report));
}

/* The leak: a full report forgets its oldest row instead of freeing it. */
NOINLINE void report_add(struct report *report, const char *name, long value)
{
    report->rows[report->count++ % ROWS_MAX] = row_format(name, value);
}

void report_free(struct report *report)
{
    for (unsigned i = 0; i < ROWS_MAX; i++)
        free(report->rows[i]);
    free(report);
}
