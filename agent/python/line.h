/* SPDX-License-Identifier: MIT */
/*
 * From an instruction to its source line, for the three formats CPython has had. Pure; the tables
 * may hold anything: a table that ends early yields 0.
 */
#ifndef LEAKD_AGENT_PYTHON_LINE_H
#define LEAKD_AGENT_PYTHON_LINE_H

#include <stddef.h>
#include <stdint.h>

/* Up to 3.9, co_lnotab. at_bytes < 0: not started, the first line. */
uint32_t line_by_lnotab(const uint8_t *table, size_t len, int first_line, int64_t at_bytes);

/* 3.10, co_linetable: pairs of range length and line delta. 0 for code without a line. */
uint32_t line_by_linetable(const uint8_t *table, size_t len, int first_line, int64_t at_bytes);

/* From 3.11, co_linetable: location entries; at_units counts code units of two bytes. */
uint32_t line_by_locations(const uint8_t *table, size_t len, int first_line, int64_t at_units);

#endif
