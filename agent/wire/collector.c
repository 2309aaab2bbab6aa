/* SPDX-License-Identifier: MIT */
/* The records of runtimes that collect their garbage. */
#include <errno.h>

#include "agent/wire/record.h"

bool wire_put_gc(struct wire_wr *wr, const struct wire_gc *gc)
{
    wire_frame_begin(wr, WIRE_GC);
    wire_wr_u64(wr, gc->time_ms);
    for (int i = 0; i < WIRE_GC_GENERATIONS; i++) {
        wire_wr_u64(wr, gc->generations[i].collections);
        wire_wr_u64(wr, gc->generations[i].collected);
        wire_wr_u64(wr, gc->generations[i].uncollectable);
    }
    wire_wr_u64(wr, gc->pause_ns_total);
    return wire_frame_end(wr);
}

int wire_get_gc(const struct wire_frame *frame, struct wire_gc *out)
{
    struct wire_gc gc;
    struct wire_rd rd;

    wire_rd_init(&rd, frame->body, frame->body_len);
    gc.time_ms = wire_rd_u64(&rd);
    for (int i = 0; i < WIRE_GC_GENERATIONS; i++) {
        gc.generations[i].collections = wire_rd_u64(&rd);
        gc.generations[i].collected = wire_rd_u64(&rd);
        gc.generations[i].uncollectable = wire_rd_u64(&rd);
    }
    gc.pause_ns_total = wire_rd_u64(&rd);
    if (rd.failed)
        return -EBADMSG;
    *out = gc;
    return 0;
}

bool wire_put_heap(struct wire_wr *wr, const struct wire_heap *heap)
{
    wire_frame_begin(wr, WIRE_HEAP);
    wire_wr_u64(wr, heap->time_ms);
    wire_wr_u64(wr, heap->used_bytes);
    wire_wr_u64(wr, heap->committed_bytes);
    wire_wr_u64(wr, heap->max_bytes);
    wire_wr_u64(wr, heap->young_collections);
    wire_wr_u64(wr, heap->cycle_pauses);
    wire_wr_u64(wr, heap->full_collections);
    wire_wr_u64(wr, heap->pause_ns_total);
    return wire_frame_end(wr);
}

int wire_get_heap(const struct wire_frame *frame, struct wire_heap *out)
{
    struct wire_heap heap;
    struct wire_rd rd;

    wire_rd_init(&rd, frame->body, frame->body_len);
    heap.time_ms = wire_rd_u64(&rd);
    heap.used_bytes = wire_rd_u64(&rd);
    heap.committed_bytes = wire_rd_u64(&rd);
    heap.max_bytes = wire_rd_u64(&rd);
    heap.young_collections = wire_rd_u64(&rd);
    heap.cycle_pauses = wire_rd_u64(&rd);
    heap.full_collections = wire_rd_u64(&rd);
    heap.pause_ns_total = wire_rd_u64(&rd);
    if (rd.failed)
        return -EBADMSG;
    *out = heap;
    return 0;
}
