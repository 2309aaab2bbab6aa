/* SPDX-License-Identifier: MIT */
/* The families that have a sample for each living process. */
#ifndef LEAKD_HTTP_METRICS_PROCESS_H
#define LEAKD_HTTP_METRICS_PROCESS_H

struct exposition;
struct slots;

void metrics_write_processes(struct exposition *e, const struct slots *slots);

#endif
