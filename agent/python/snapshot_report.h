/* SPDX-License-Identifier: MIT */
/* What a walk found, told to the daemon: types, retainers, the end. In the copy only. */
#ifndef LEAKD_AGENT_PYTHON_SNAPSHOT_REPORT_H
#define LEAKD_AGENT_PYTHON_SNAPSHOT_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/python/snapshot_walk.h"

struct core_courier;

struct report {
    const struct core_courier *courier;
    uint32_t number;
    uint64_t token;
    uint64_t started_ns;
};

/* False: the daemon does not listen any more. */
bool report_all(const struct report *report, struct walk *walk);

/* The copy gives up; why. */
void report_failure(const struct report *report, const char *reason);

#endif
