/* SPDX-License-Identifier: MIT */
#include "agent/python/snapshot_heap.h"

#include <string.h>
#include <sys/mman.h>

#include "agent/core/own.h"

#define OBJECTS_LEAST 4096u
#define OBJECTS_MOST  (32u << 20)
#define SLOTS_FIRST   (1u << 16)
/* An object, its place in the queue, and two to four slots: they double at half load, and while
 * they do both tables are there. */
#define OBJECT_COST (sizeof(struct heap_object) + sizeof(uint32_t) + 6 * sizeof(uint32_t))

static void *map(size_t bytes)
{
    return own_map(bytes, MAP_NORESERVE);
}

bool heap_init(struct heap *heap, uint64_t memory_bytes)
{
    uint64_t max = memory_bytes / OBJECT_COST;

    memset(heap, 0, sizeof(*heap));
    heap->max = max > OBJECTS_MOST ? OBJECTS_MOST : (uint32_t)max;
    if (heap->max < OBJECTS_LEAST)
        return false;
    heap->objects = map((heap->max + 1ul) * sizeof(heap->objects[0]));
    heap->queue = map((heap->max + 1ul) * sizeof(heap->queue[0]));
    heap->slots = map(SLOTS_FIRST * sizeof(heap->slots[0]));
    heap->slot_count = SLOTS_FIRST;
    return heap->objects && heap->queue && heap->slots;
}

/* The slot where the address is or belongs. */
static uint32_t *slot_of(const struct heap *heap, uintptr_t addr)
{
    uint64_t hash = (addr >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t mask = heap->slot_count - 1;
    uint32_t at = (uint32_t)(hash >> 32) & mask;

    while (heap->slots[at] && heap->objects[heap->slots[at]].addr != addr)
        at = (at + 1) & mask;
    return &heap->slots[at];
}

static bool grow(struct heap *heap)
{
    uint32_t *old = heap->slots;
    uint32_t *slots = map(heap->slot_count * 2ul * sizeof(slots[0]));

    if (!slots)
        return false;
    heap->slots = slots;
    heap->slot_count *= 2;
    for (uint32_t i = 1; i <= heap->count; i++)
        *slot_of(heap, heap->objects[i].addr) = i;
    own_unmap(old, heap->slot_count / 2 * sizeof(old[0]));
    return true;
}

uint32_t heap_find(const struct heap *heap, uintptr_t addr)
{
    return *slot_of(heap, addr);
}

uint32_t heap_add(struct heap *heap, uintptr_t addr, bool *is_new)
{
    uint32_t *slot = slot_of(heap, addr);

    *is_new = *slot == 0;
    if (!*is_new)
        return *slot;
    if (heap->count == heap->max || (heap->count >= heap->slot_count / 2 && !grow(heap))) {
        heap->is_full = true;
        return 0;
    }
    heap->count++;
    heap->objects[heap->count].addr = addr;
    *slot_of(heap, addr) = heap->count;
    return heap->count;
}

void heap_reach(struct heap *heap, uint32_t index, uint32_t parent)
{
    heap->objects[index].parent = parent;
    heap->queue[heap->queue_end++] = index;
}

uint32_t heap_next(struct heap *heap)
{
    return heap->queue_start < heap->queue_end ? heap->queue[heap->queue_start++] : 0;
}
