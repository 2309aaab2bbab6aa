/* SPDX-License-Identifier: MIT */
/*
 * From an instruction to its source line, for samples: a program samples the same places again and
 * again, and a line table is walked from its start. What was found is known by what the table says, and
 * a long one's by where it lies and a part of what it says: code objects die and others take their place,
 * but hardly with the same length, first line and such words. Any thread, no lock.
 */
#ifndef LEAKD_AGENT_PYTHON_LINECACHE_H
#define LEAKD_AGENT_PYTHON_LINECACHE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/python/layout.h"

/* Of tables that one sample may walk, which takes up to some 0.3 ms: those of a thousand usual functions. */
#define LINECACHE_BUDGET_BYTES ((size_t)256 * 1024)

/* As the function of line.h for this format; at counts what that counts. What has to be walked is taken
 * from the budget, and where that does not suffice the line is 0: unknown, this time. An instruction
 * behind the first LINECACHE_BUDGET_BYTES of its table never has a line (of a lnotab as long as that, none). */
uint32_t linecache_find(enum layout_lines format, const uint8_t *table, size_t len, int first_line,
                        int64_t at, size_t *budget);

#endif
