/* SPDX-License-Identifier: MIT */
/*
 * Ten minutes of one process as bytes: little endian floats (24 bits: 64 bytes of error at 1 GiB),
 * four a step (live min, live mean, rss min, rss mean), NAN where nothing is known. Pure.
 */
#ifndef LEAKD_STORE_HISTORY_CHUNK_H
#define LEAKD_STORE_HISTORY_CHUNK_H

#include "daemon/store/history.h"

#define CHUNK_SPAN_MS   600000u
#define CHUNK_STEPS_MAX 60u
#define CHUNK_STEP_SIZE 16u
#define CHUNK_SIZE_MAX  (CHUNK_STEPS_MAX * CHUNK_STEP_SIZE)

struct chunk {
    uint64_t from_wall_ms; /* a multiple of CHUNK_SPAN_MS */
    uint32_t step_ms;      /* 10000, 60000 or 600000 */
    struct history_point points[CHUNK_STEPS_MAX];
};

size_t chunk_count(const struct chunk *chunk);
void chunk_init(struct chunk *chunk, uint64_t from_wall_ms, uint32_t step_ms);
/* A value that belongs to the chunk's time joins its step; call chunk_close when all are in. */
struct chunk_sums {
    uint32_t live[CHUNK_STEPS_MAX];
    uint32_t rss[CHUNK_STEPS_MAX];
};
void chunk_add(struct chunk *chunk, struct chunk_sums *sums, uint64_t wall_ms, double live_bytes,
               double rss_bytes);
void chunk_close(struct chunk *chunk, const struct chunk_sums *sums);
/* The same time in longer steps. */
void chunk_roll_up(const struct chunk *from, uint32_t step_ms, struct chunk *out);

size_t chunk_write(const struct chunk *chunk, uint8_t out[CHUNK_SIZE_MAX]);
/* False: these bytes are none. */
bool chunk_read(const uint8_t *data, size_t len, uint64_t from_wall_ms, uint32_t step_ms,
                struct chunk *out);

#endif
