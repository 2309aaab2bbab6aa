/* SPDX-License-Identifier: MIT */
/*
 * The objects that a snapshot has met, by address, each with the one it was reached from. In the
 * snapshot's copy of the process only: it maps its own memory and never mallocs.
 */
#ifndef LEAKD_AGENT_PYTHON_SNAPSHOT_HEAP_H
#define LEAKD_AGENT_PYTHON_SNAPSHOT_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a parent: a root's number instead of an object's. */
#define HEAP_ROOT 0x80000000u

struct heap_object {
    uintptr_t addr;
    uint32_t parent; /* 0: not reached yet */
    uint32_t refs;   /* references found to an object that no root reaches; see the walk */
};

struct heap {
    struct heap_object *objects; /* from 1 to count */
    uint32_t count;
    uint32_t max;
    uint32_t *slots; /* open addressing; 0 = free */
    uint32_t slot_count;
    uint32_t *queue; /* reached, in that order */
    uint32_t queue_start;
    uint32_t queue_end;
    bool is_full; /* something found no room */
};

/* Room for as many objects as fit into so many bytes. False: not even for a few. */
bool heap_init(struct heap *heap, uint64_t memory_bytes);

/* The number of the object, 0 when it is not known. */
uint32_t heap_find(const struct heap *heap, uintptr_t addr);

/* The same, making it; *is_new tells. 0: no room. */
uint32_t heap_add(struct heap *heap, uintptr_t addr, bool *is_new);

/* Notes that the object was reached, and has to be looked into. */
void heap_reach(struct heap *heap, uint32_t index, uint32_t parent);

/* The next one to look into, 0 when there is none. */
uint32_t heap_next(struct heap *heap);

#endif
