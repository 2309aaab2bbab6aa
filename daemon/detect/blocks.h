/* SPDX-License-Identifier: MIT */
/*
 * The newest blocks of all scales. A block of a scale is the lesser of a pair of the scale below,
 * so the newer half of a window is still in the window of the scale below, and only the older half
 * is kept: nine blocks, for the newest below may be waiting for its pair.
 */
#ifndef LEAKD_DETECT_BLOCKS_H
#define LEAKD_DETECT_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/detect/detector.h"

/* Closed so far. */
static inline uint32_t blocks_closed(const struct detector *detector, unsigned scale)
{
    return detector->blocks >> scale;
}

/* Of how many scales the next base block closes one. */
unsigned blocks_closing(const struct detector *detector);

/* A base block, which closes one of so many scales. Beside a load its loads are put first. */
void blocks_put(struct detector *detector, unsigned scales, float min);
/* The load of that base block; it is kept where the block is. */
void blocks_put_load(const struct detector *detector, unsigned scales, struct detect_load *load,
                     float value);

/* Where a block is kept. The newest of a scale is at 0 back; at most DETECT_BLOCKS - 1. */
size_t blocks_place(const struct detector *detector, unsigned scale, unsigned back);
float blocks_at(const struct detector *detector, unsigned scale, unsigned back);

/* The block at a place as it would be at the load's first. */
float blocks_rest(const struct detector *detector, const struct detect_load *load, size_t place);

/* The newest DETECT_BLOCKS, the newest last. */
void blocks_window(const struct detector *detector, unsigned scale, float out[DETECT_BLOCKS]);
/* The same from that of the scale below, when both have just closed a block: quicker. */
void blocks_window_above(const struct detector *detector, unsigned scale,
                         float window[DETECT_BLOCKS]);

void blocks_clear(struct detector *detector);

#endif
