/* SPDX-License-Identifier: MIT */
/* Reads what an agent has sent, recorded as the plain bytes of one stream: the live bytes of each
 * TOTALS with the allocations a second as load, as rows of a series. Other records are passed over. */
#ifndef LEAKD_CTL_STREAM_H
#define LEAKD_CTL_STREAM_H

#include "agent/wire/wire.h"
#include "daemon/ctl/csv.h"

struct stream {
    csv_on_sample on_sample;
    void *arg;
    uint64_t offset; /* of the first byte that is not read yet */
    bool has_totals;
    uint64_t first_ms;
    uint64_t last_ms;
    uint64_t alloc_count;
    struct csv_row row; /* the newest */
    size_t held;        /* of a frame whose end has not come yet */
    uint8_t hold[WIRE_HEADER_BYTES + WIRE_BODY_BYTES_MAX];
    char error[CSV_ERROR_MAX]; /* what is wrong at `offset`; empty while nothing is */
};

void stream_init(struct stream *stream, csv_on_sample on_sample, void *arg);

/* False after an error; what follows is not read. */
bool stream_feed(struct stream *stream, const void *data, size_t len);

/* The end: a frame may not be cut, and there must have been totals. */
bool stream_finish(struct stream *stream);

#endif
