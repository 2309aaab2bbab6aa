/* SPDX-License-Identifier: MIT */
/*
 * Everything that a frozen interpreter holds, found from its roots outwards by the types' own
 * traverse functions, so that each object is reached by a shortest way. In a snapshot's copy of the
 * process only.
 */
#ifndef LEAKD_AGENT_PYTHON_SNAPSHOT_WALK_H
#define LEAKD_AGENT_PYTHON_SNAPSHOT_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/python/snapshot_heap.h"
#include "agent/python/snapshot_object.h"

enum walk_root_kind {
    WALK_MODULE,
    WALK_FRAME,  /* addr: of the frame */
    WALK_THREAD, /* the thread's state holds it */
    WALK_EXTRA,  /* more references than the collector can see */
    WALK_CYCLE,  /* its objects hold each other, and nobody holds them */
};

struct walk_root {
    enum walk_root_kind kind;
    uintptr_t addr;
    uint32_t back; /* CYCLE: who refers to the object again; 0 = not known */
};

#define WALK_ROOTS_MAX  65536
#define WALK_WANTED_MAX 8

struct walk {
    const struct interp *interp;
    const uint8_t *thread; /* the one that made the copy */
    uint64_t deadline_ns;
    struct heap heap;
    struct object_types types;
    uint32_t root_count;
    struct walk_root roots[WALK_ROOTS_MAX];
    uint32_t at;      /* the object that is looked into */
    uint32_t tracked; /* those the collector knows are the first ones in the heap */
    bool is_late;     /* not everything was looked into */
    bool collector_is_off;
    char wanted[WALK_WANTED_MAX][512]; /* names of types whose objects begin cycles */
    uint32_t wanted_count;
};

/* What must be so for a walk, told before the copy is made: the collector's lists are where they
 * should be and at rest. NULL, or why not. Reads by peek. */
const char *walk_obstacle(const struct interp *interp);

/* Needs some 3 MiB of zeroed memory for walk; interp, thread, deadline and heap are set. */
void walk_all(struct walk *walk);

#endif
