/* SPDX-License-Identifier: MIT */
/* The life of a snapshot's copy of the process. */
#ifndef LEAKD_AGENT_PYTHON_SNAPSHOT_CHILD_H
#define LEAKD_AGENT_PYTHON_SNAPSHOT_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core_courier;
struct interp;
struct wire_snapshot_order;

/* A page that the copy shares with the process. */
struct snapshot_shared {
    /* The serial of the copy that came upon a heap amid a change, and ended without a word; 0 = none. */
    _Atomic uint32_t stumbled;
    /* The serial of the last copy that was about to end: who is to reap it may take his time. */
    _Atomic uint32_t ended;
};

struct snapshot_child {
    struct snapshot_shared *shared; /* NULL: there is no memory for that */
    bool is_last_try;               /* a copy that stumbles says so */
    uint32_t serial;                /* of the copy, not 0 */
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
