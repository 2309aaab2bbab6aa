/* SPDX-License-Identifier: MIT */
/* A library that makes reports; the demo's second leak sits in it, three frames deep. */
#ifndef LEAKD_DEMO_REPORT_H
#define LEAKD_DEMO_REPORT_H

struct report;

struct report *report_new(void);
void report_free(struct report *report);
/* Adds a row that reads "name: value". */
void report_add(struct report *report, const char *name, long value);

#endif
