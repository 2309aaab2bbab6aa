/* SPDX-License-Identifier: MIT */
/*
 * From an instruction to its source line, for samples: a program samples the same places again and
 * again, and a line table is walked from its start. What was found is known by what the table says,
 * not by where it lies, since code objects die and others take their place. Any thread, no lock.
 */
#ifndef LEAKD_AGENT_PYTHON_LINECACHE_H
#define LEAKD_AGENT_PYTHON_LINECACHE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/python/layout.h"

/* As the function of line.h for this format; at counts what that counts. */
uint32_t linecache_find(enum layout_lines format, const uint8_t *table, size_t len, int first_line,
                        int64_t at);

#endif
