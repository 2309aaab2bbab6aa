/* SPDX-License-Identifier: MIT */
/* Aligned columns for people, or tabs for programs (--plain). */
#ifndef LEAKD_CTL_TABLE_H
#define LEAKD_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/buf.h"

#define TABLE_COLUMNS_MAX 12

struct table {
    const char *const *heads; /* a leading '>' aligns the column to the right; NULL ends */
    unsigned columns;
    size_t cells;
    size_t width[TABLE_COLUMNS_MAX];
    struct buf text; /* the cells, a NUL behind each */
};

void table_init(struct table *table, const char *const *heads);
void table_done(struct table *table);

/* The next cell, row by row; made safe. */
void table_put(struct table *table, const char *text);

/* Appends the table to out. With colour, leak and suspect stand out. False: no memory. */
bool table_print(const struct table *table, bool plain, bool colour, struct buf *out);

#endif
