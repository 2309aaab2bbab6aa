/* SPDX-License-Identifier: MIT */
/* The life of a snapshot's copy of the process. */
#ifndef LEAKD_AGENT_PYTHON_SNAPSHOT_CHILD_H
#define LEAKD_AGENT_PYTHON_SNAPSHOT_CHILD_H

#include <stddef.h>
#include <stdint.h>

struct core_courier;
struct interp;
struct wire_snapshot_order;

struct snapshot_child {
    const struct interp *interp;
    const uint8_t *thread; /* who made the copy, with the interpreter's lock */
    const struct core_courier *courier;
    uint32_t number;
    uint64_t token;
    uint64_t memory_bytes;
    uint32_t seconds;
    uint32_t wanted_count;
    char wanted[8][512];
};

/* The copy's main, for clone(); arg: struct snapshot_child. Ends the copy. */
int snapshot_child_main(void *arg);

#endif
