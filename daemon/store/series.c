/* SPDX-License-Identifier: MIT */
/*
 * Two rings: single seconds as doubles (exact up to 2^53 bytes), and steps of 10 s as two floats
 * (24 bits: 64 bytes of error at 1 GiB, below a pixel). 900 * 8 + 2160 * 8 = 24480 bytes when full;
 * memory is taken as the rings fill. A step without a value is NaN.
 */
#include "daemon/store/series.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FINE_STEP_MS     1000u
#define FINE_STEPS_MAX   900u /* 15 min */
#define COARSE_STEP_MS   10000u
#define COARSE_STEPS_MAX 2160u /* 6 h */
/* A clock that is set back by less only loses a few values; by more, the old dates were wrong. */
#define CLOCK_BACK_MAX_MS 60000u
#define FIRST_STEPS       32u

struct envelope {
    float min;
    float mean;
};

/* Positions count steps since 1970; ring index is position modulo max once the ring is full. */
struct ring {
    uint64_t first; /* step of the oldest value */
    uint32_t count;
    uint32_t start; /* index of the oldest value; 0 until the ring is full */
    uint32_t cap;
};

struct series {
    struct ring fine;
    struct ring coarse;
    double *seconds;
    struct envelope *tens;
    uint64_t last_wall_ms;
    uint64_t open_step; /* of tens: still being filled */
    uint32_t open_count;
    double open_min;
    double open_sum;
};

struct series *series_new(void)
{
    return calloc(1, sizeof(struct series));
}

void series_free(struct series *series)
{
    if (!series)
        return;
    free(series->seconds);
    free(series->tens);
    free(series);
}

void series_forget(struct series *series)
{
    free(series->seconds);
    free(series->tens);
    memset(series, 0, sizeof(*series));
}

size_t series_bytes(const struct series *series)
{
    return sizeof(*series) + series->fine.cap * sizeof(*series->seconds) +
           series->coarse.cap * sizeof(*series->tens);
}

static void clear(struct series *series)
{
    series->fine.count = series->fine.start = 0;
    series->coarse.count = series->coarse.start = 0;
    series->open_count = 0;
    series->last_wall_ms = 0;
}

static uint32_t ring_index(const struct ring *ring, uint32_t position)
{
    uint32_t index = ring->start + position;

    return index < ring->cap ? index : index - ring->cap;
}

/* Makes room for one value; *values has elements of the size given. False: no memory. */
static bool ring_grow(struct ring *ring, void **values, size_t size, uint32_t max)
{
    uint32_t cap = ring->cap ? ring->cap * 2 : FIRST_STEPS;
    void *bigger;

    if (ring->count < ring->cap || ring->cap == max)
        return true;
    if (cap > max)
        cap = max;
    bigger = realloc(*values, cap * size);
    if (!bigger)
        return false;
    *values = bigger;
    ring->cap = cap;
    return true;
}

/* The index where the next value goes; the oldest one leaves a full ring. */
static uint32_t ring_push(struct ring *ring)
{
    if (ring->count == ring->cap) {
        ring->start = ring_index(ring, 1);
        ring->first++;
        return ring_index(ring, ring->count - 1);
    }
    return ring_index(ring, ring->count++);
}

static bool push_second(struct series *series, double value)
{
    void *values = series->seconds;

    if (!ring_grow(&series->fine, &values, sizeof(*series->seconds), FINE_STEPS_MAX))
        return false;
    series->seconds = values;
    series->seconds[ring_push(&series->fine)] = value;
    return true;
}

static bool push_ten(struct series *series, struct envelope value)
{
    void *values = series->tens;

    if (!ring_grow(&series->coarse, &values, sizeof(*series->tens), COARSE_STEPS_MAX))
        return false;
    series->tens = values;
    series->tens[ring_push(&series->coarse)] = value;
    return true;
}

static void put_second(struct series *series, uint64_t step, double value)
{
    struct ring *ring = &series->fine;

    if (ring->count > 0 && step >= ring->first + ring->count + FINE_STEPS_MAX)
        ring->count = ring->start = 0;
    if (ring->count == 0)
        ring->first = step;
    if (step < ring->first + ring->count) { /* the latest value of a second stands for it */
        series->seconds[ring_index(ring, (uint32_t)(step - ring->first))] = value;
        return;
    }
    while (step > ring->first + ring->count) {
        if (!push_second(series, NAN))
            return;
    }
    push_second(series, value);
}

/* Appends a closed step to the ring, with the holes in front of it. */
static bool append_ten(struct series *series, uint64_t step, struct envelope value)
{
    struct ring *ring = &series->coarse;

    if (ring->count > 0 && step >= ring->first + ring->count + COARSE_STEPS_MAX)
        ring->count = ring->start = 0;
    if (ring->count == 0)
        ring->first = step;
    while (step > ring->first + ring->count) {
        if (!push_ten(series, (struct envelope){NAN, NAN}))
            return false;
    }
    return push_ten(series, value);
}

static void close_ten(struct series *series)
{
    append_ten(
        series, series->open_step,
        (struct envelope){(float)series->open_min, (float)(series->open_sum / series->open_count)});
}

static void put_ten(struct series *series, uint64_t step, double value)
{
    if (series->open_count > 0 && step != series->open_step) {
        close_ten(series);
        series->open_count = 0;
    }
    if (series->open_count == 0) {
        series->open_step = step;
        series->open_min = value;
        series->open_sum = 0;
    }
    series->open_count++;
    series->open_sum += value;
    if (value < series->open_min)
        series->open_min = value;
}

void series_put(struct series *series, uint64_t wall_ms, double value)
{
    if (wall_ms + CLOCK_BACK_MAX_MS < series->last_wall_ms)
        clear(series);
    if (wall_ms < series->last_wall_ms || !isfinite(value))
        return;
    series->last_wall_ms = wall_ms;
    put_second(series, wall_ms / FINE_STEP_MS, value);
    put_ten(series, wall_ms / COARSE_STEP_MS, value);
}

/* The step that nothing restored may reach. */
static uint64_t first_ten(const struct series *series)
{
    if (series->coarse.count > 0)
        return series->coarse.first;
    return series->open_count > 0 ? series->open_step : UINT64_MAX;
}

void series_put_before(struct series *series, const struct point *tens, size_t count)
{
    uint64_t end = first_ten(series);
    struct ring ring = series->coarse;
    struct envelope *values = series->tens;

    series->coarse = (struct ring){0};
    series->tens = NULL;
    for (size_t i = 0; i < count; i++) {
        uint64_t step = tens[i].wall_ms / COARSE_STEP_MS;

        if (step < end && isfinite(tens[i].min) &&
            (series->coarse.count == 0 || step >= series->coarse.first + series->coarse.count))
            append_ten(series, step, (struct envelope){(float)tens[i].min, (float)tens[i].mean});
    }
    for (uint32_t i = 0; i < ring.count; i++)
        append_ten(series, ring.first + i, values[ring_index(&ring, i)]);
    if (series->last_wall_ms == 0 && series->coarse.count > 0)
        series->last_wall_ms = (series->coarse.first + series->coarse.count) * COARSE_STEP_MS - 1;
    free(values);
}

/* The value of one step of the ring that is read; false where there is none. */
static bool read_step(const struct series *series, bool fine, uint64_t step, struct point *out)
{
    const struct ring *ring = fine ? &series->fine : &series->coarse;
    uint32_t index;

    if (!fine && series->open_count > 0 && step == series->open_step) {
        out->min = series->open_min;
        out->mean = series->open_sum / series->open_count;
        return true;
    }
    if (ring->count == 0 || step < ring->first || step >= ring->first + ring->count)
        return false;
    index = ring_index(ring, (uint32_t)(step - ring->first));
    out->min = fine ? series->seconds[index] : (double)series->tens[index].min;
    out->mean = fine ? series->seconds[index] : (double)series->tens[index].mean;
    return !isnan(out->min);
}

/* True when the 1 s ring reaches back to from, or nothing older exists. */
static bool fine_suffices(const struct series *series, uint64_t from_wall_ms, uint64_t step_ms)
{
    if (step_ms >= COARSE_STEP_MS || series->fine.count == 0)
        return false;
    return from_wall_ms >= series->fine.first * FINE_STEP_MS || series->coarse.count == 0 ||
           series->coarse.first * COARSE_STEP_MS + COARSE_STEP_MS >
               series->fine.first * FINE_STEP_MS;
}

/* Merges the base steps [step, end) into one point. */
static bool read_steps(const struct series *series, bool fine, uint64_t step, uint64_t end,
                       struct point *out)
{
    struct point one = {0};
    double sum = 0;
    unsigned count = 0;

    for (; step < end; step++) {
        if (!read_step(series, fine, step, &one))
            continue;
        if (count == 0 || one.min < out->min)
            out->min = one.min;
        sum += one.mean;
        count++;
    }
    if (count > 0)
        out->mean = sum / count;
    return count > 0;
}

static uint64_t oldest_ms(const struct series *series, bool fine)
{
    if (fine)
        return series->fine.first * FINE_STEP_MS;
    if (series->coarse.count > 0)
        return series->coarse.first * COARSE_STEP_MS;
    return series->open_step * COARSE_STEP_MS;
}

/* The smallest multiple of base that is at least wish and lets the span fit into max points. */
static uint64_t choose_step(uint64_t span_ms, uint64_t wish_ms, uint64_t base_ms, size_t max)
{
    uint64_t step = wish_ms > base_ms ? (wish_ms + base_ms - 1) / base_ms * base_ms : base_ms;
    uint64_t least = span_ms / (max > 1 ? max - 1 : 1) + 1; /* the first point may be cut */

    if (step < least)
        step = (least + base_ms - 1) / base_ms * base_ms;
    return step;
}

size_t series_get(const struct series *series, uint64_t from_wall_ms, uint64_t to_wall_ms,
                  uint64_t step_ms, struct point *out, size_t max, uint64_t *used_step_ms)
{
    bool fine = fine_suffices(series, from_wall_ms, step_ms);
    uint64_t base = fine ? FINE_STEP_MS : COARSE_STEP_MS;
    uint64_t from = from_wall_ms > oldest_ms(series, fine) ? from_wall_ms : oldest_ms(series, fine);
    uint64_t to = to_wall_ms < series->last_wall_ms ? to_wall_ms : series->last_wall_ms;
    uint64_t step;
    size_t n = 0;

    if (to_wall_ms < from_wall_ms)
        to_wall_ms = from_wall_ms;
    step = choose_step(to > from ? to - from : 0, step_ms, base, max);
    *used_step_ms = step;
    if (series->last_wall_ms == 0 || from > to)
        return 0;
    for (uint64_t at = from / step * step; at <= to && n < max; at += step) {
        struct point point = {.wall_ms = at};

        if (at < from_wall_ms && at + step <= from_wall_ms)
            continue;
        if (read_steps(series, fine, at / base, (at + step) / base, &point))
            out[n++] = point;
    }
    return n;
}

size_t series_spark(const struct series *series, uint64_t to_wall_ms, uint64_t span_ms, double *out,
                    size_t n)
{
    uint64_t from = to_wall_ms > span_ms ? to_wall_ms - span_ms : 0;
    uint64_t step = n > 0 ? span_ms / n : 0;
    bool fine = fine_suffices(series, from, step);
    uint64_t base = fine ? FINE_STEP_MS : COARSE_STEP_MS;
    size_t count = 0;

    for (size_t i = 0; i < n && step > 0; i++) {
        uint64_t start = from + i * step;
        struct point point = {0};

        if (read_steps(series, fine, start / base, (start + step + base - 1) / base, &point))
            out[count++] = point.mean;
        else if (count > 0) { /* a hole: nothing is known to have changed */
            out[count] = out[count - 1];
            count++;
        }
    }
    return count;
}

size_t series_coarsen(struct point *points, size_t count, uint64_t step_ms)
{
    size_t kept = 0, merged = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t at = points[i].wall_ms / step_ms * step_ms;
        struct point *into = kept > 0 ? &points[kept - 1] : NULL;

        if (into && into->wall_ms == at) {
            into->min = fmin(into->min, points[i].min);
            into->mean += (points[i].mean - into->mean) / (double)++merged;
            continue;
        }
        points[kept] = points[i];
        points[kept++].wall_ms = at;
        merged = 1;
    }
    return kept;
}
