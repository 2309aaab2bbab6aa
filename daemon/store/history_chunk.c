/* SPDX-License-Identifier: MIT */
#include "daemon/store/history_chunk.h"

#include <math.h>
#include <string.h>

size_t chunk_count(const struct chunk *chunk)
{
    return CHUNK_SPAN_MS / chunk->step_ms;
}

void chunk_init(struct chunk *chunk, uint64_t from_wall_ms, uint32_t step_ms)
{
    chunk->from_wall_ms = from_wall_ms;
    chunk->step_ms = step_ms;
    for (size_t i = 0; i < chunk_count(chunk); i++)
        chunk->points[i] = (struct history_point){from_wall_ms + i * step_ms, NAN, NAN, NAN, NAN};
}

/* The mean is a sum until the chunk is closed. */
static void add_value(double value, double *min, double *sum, uint32_t *count)
{
    if (!isfinite(value))
        return;
    *min = *count == 0 || value < *min ? value : *min;
    *sum = *count == 0 ? value : *sum + value;
    (*count)++;
}

void chunk_add(struct chunk *chunk, struct chunk_sums *sums, uint64_t wall_ms, double live_bytes,
               double rss_bytes)
{
    size_t at = (size_t)((wall_ms - chunk->from_wall_ms) / chunk->step_ms);
    struct history_point *point = &chunk->points[at];

    add_value(live_bytes, &point->live_min, &point->live_mean, &sums->live[at]);
    add_value(rss_bytes, &point->rss_min, &point->rss_mean, &sums->rss[at]);
}

void chunk_close(struct chunk *chunk, const struct chunk_sums *sums)
{
    for (size_t i = 0; i < chunk_count(chunk); i++) {
        if (sums->live[i] > 0)
            chunk->points[i].live_mean /= sums->live[i];
        if (sums->rss[i] > 0)
            chunk->points[i].rss_mean /= sums->rss[i];
    }
}

/* Minima join as minima, means as means. */
static void join(struct history_point *to, const struct history_point *from, uint32_t *live,
                 uint32_t *rss)
{
    double no_min = NAN;

    if (isfinite(from->live_min) && !(to->live_min <= from->live_min))
        to->live_min = from->live_min;
    if (isfinite(from->rss_min) && !(to->rss_min <= from->rss_min))
        to->rss_min = from->rss_min;
    add_value(from->live_mean, &no_min, &to->live_mean, live);
    add_value(from->rss_mean, &no_min, &to->rss_mean, rss);
}

void chunk_roll_up(const struct chunk *from, uint32_t step_ms, struct chunk *out)
{
    struct chunk_sums sums = {0};
    size_t each = step_ms / from->step_ms;

    chunk_init(out, from->from_wall_ms, step_ms);
    for (size_t i = 0; i < chunk_count(from); i++)
        join(&out->points[i / each], &from->points[i], &sums.live[i / each], &sums.rss[i / each]);
    chunk_close(out, &sums);
}

static void put_float(uint8_t *out, double value)
{
    float small = (float)value;

    memcpy(out, &small, sizeof(small)); /* little endian: so is the host */
}

static double get_float(const uint8_t *data)
{
    float small;

    memcpy(&small, data, sizeof(small));
    return (double)small;
}

size_t chunk_write(const struct chunk *chunk, uint8_t out[CHUNK_SIZE_MAX])
{
    for (size_t i = 0; i < chunk_count(chunk); i++) {
        const struct history_point *point = &chunk->points[i];
        uint8_t *at = out + i * CHUNK_STEP_SIZE;

        put_float(at, point->live_min);
        put_float(at + 4, point->live_mean);
        put_float(at + 8, point->rss_min);
        put_float(at + 12, point->rss_mean);
    }
    return chunk_count(chunk) * CHUNK_STEP_SIZE;
}

bool chunk_read(const uint8_t *data, size_t len, uint64_t from_wall_ms, uint32_t step_ms,
                struct chunk *out)
{
    if ((step_ms != 10000 && step_ms != 60000 && step_ms != CHUNK_SPAN_MS) ||
        len != CHUNK_SPAN_MS / step_ms * CHUNK_STEP_SIZE)
        return false;
    chunk_init(out, from_wall_ms, step_ms);
    for (size_t i = 0; i < chunk_count(out); i++) {
        const uint8_t *at = data + i * CHUNK_STEP_SIZE;
        struct history_point *point = &out->points[i];

        point->live_min = get_float(at);
        point->live_mean = get_float(at + 4);
        point->rss_min = get_float(at + 8);
        point->rss_mean = get_float(at + 12);
    }
    return true;
}
