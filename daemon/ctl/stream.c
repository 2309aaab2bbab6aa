/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/stream.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/wire/record.h"

/* A process that does not allocate has nothing to say: leakd repeats its figures once a second. For
 * longer than an hour it was gone, or its clock stood. */
#define STEP_MS   1000u
#define REPEAT_MS 3600000u

void stream_init(struct stream *stream, csv_on_sample on_sample, void *arg)
{
    memset(stream, 0, sizeof(*stream));
    stream->on_sample = on_sample;
    stream->arg = arg;
}

static bool fail(struct stream *stream, const char *what)
{
    snprintf(stream->error, sizeof(stream->error), "%s", what);
    return false;
}

static bool put_row(struct stream *stream, uint64_t time_ms, double load_per_s)
{
    stream->row.value[CSV_TIME] = (double)(time_ms - stream->first_ms) / 1000;
    stream->row.value[CSV_LOAD] = load_per_s;
    stream->row.value[CSV_OLDEST] = NAN;
    stream->last_ms = time_ms;
    return stream->on_sample(stream->arg, &stream->row);
}

static bool repeat(struct stream *stream, uint64_t until_ms)
{
    if (until_ms - stream->last_ms > REPEAT_MS)
        return true;
    while (stream->last_ms + 2 * STEP_MS <= until_ms)
        if (!put_row(stream, stream->last_ms + STEP_MS, 0))
            return false;
    return true;
}

static double live_of(const struct wire_totals *totals)
{
    double live = 0;

    for (unsigned i = 0; i < totals->domain_count; i++)
        live += (double)totals->domains[i].live_bytes;
    return live;
}

/* Those of malloc, which are always counted. */
static uint64_t allocations_of(const struct wire_totals *totals)
{
    for (unsigned i = 0; i < totals->domain_count; i++)
        if (totals->domains[i].domain == WIRE_DOMAIN_NATIVE)
            return totals->domains[i].alloc_count;
    return 0;
}

static bool put_totals(struct stream *stream, const struct wire_totals *totals)
{
    uint64_t count = allocations_of(totals);
    double more = count > stream->alloc_count ? (double)(count - stream->alloc_count) : 0;
    bool is_first = !stream->has_totals;

    stream->alloc_count = count;
    stream->has_totals = true;
    if (is_first) { /* since when it has allocated so much is not known */
        stream->first_ms = stream->last_ms = totals->time_ms;
        stream->row.value[CSV_BYTES] = live_of(totals);
        return true;
    }
    if (totals->time_ms <= stream->last_ms)
        return true; /* said twice, or out of order: the newest stands */
    if (!repeat(stream, totals->time_ms))
        return false;
    more = more * 1000 / (double)(totals->time_ms - stream->last_ms);
    stream->row.value[CSV_BYTES] = live_of(totals);
    return put_row(stream, totals->time_ms, more);
}

static bool read_frame(struct stream *stream, const struct wire_frame *frame)
{
    struct wire_totals totals;

    if (frame->type != WIRE_TOTALS)
        return true;
    if (wire_get_totals(frame, &totals) < 0)
        return fail(stream, "a TOTALS record that is none");
    put_totals(stream, &totals);
    return true;
}

/* Whole frames; *used is how far. */
static bool read_frames(struct stream *stream, const uint8_t *data, size_t len, size_t *used)
{
    struct wire_frame frame;
    long taken;

    *used = 0;
    while ((taken = wire_frame_take(data + *used, len - *used, &frame)) > 0) {
        if (!read_frame(stream, &frame))
            return false;
        *used += (size_t)taken;
        stream->offset += (uint64_t)taken;
    }
    return taken == 0 || fail(stream, "no frame of an agent's stream begins here");
}

bool stream_feed(struct stream *stream, const void *data, size_t len)
{
    const uint8_t *pos = data;
    size_t used, part;

    while (len > 0) {
        part = sizeof(stream->hold) - stream->held;
        part = len < part ? len : part;
        memcpy(stream->hold + stream->held, pos, part);
        stream->held += part;
        pos += part;
        len -= part;
        if (!read_frames(stream, stream->hold, stream->held, &used))
            return false;
        stream->held -= used;
        memmove(stream->hold, stream->hold + used, stream->held);
    }
    return true;
}

bool stream_finish(struct stream *stream)
{
    if (stream->held > 0)
        return fail(stream, "the last frame is cut");
    return stream->has_totals || fail(stream, "no TOTALS record: this is no agent's stream");
}
