/* SPDX-License-Identifier: MIT */
/* What the environment tells the agent itself; the link reads its own. Constructor only. */
#ifndef LEAKD_AGENT_PRELOAD_ENVIRONMENT_H
#define LEAKD_AGENT_PRELOAD_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

enum environment_python {
    ENVIRONMENT_PYTHON_AUTO,
    ENVIRONMENT_PYTHON_ALWAYS,
    ENVIRONMENT_PYTHON_OFF,
};

/* LEAKD_PERIOD in bytes, or the default. */
uint64_t environment_period_bytes(void);

/* LEAKD_PYTHON. */
enum environment_python environment_python(void);

/* LEAKD_JAVA: false when it says off. */
bool environment_java(void);

/* LEAKD_SNAPSHOT_SECCOMP=1: whoever set this knows that the filter allows what a snapshot needs. */
bool environment_snapshot_in_sandbox(void);

/* With LEAKD_CHILDREN=0: takes the agent out of LD_PRELOAD, in place, so that programs started
 * from here run without it. */
void environment_spare_children(void);

#endif
