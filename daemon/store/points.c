/* SPDX-License-Identifier: MIT */
#include "daemon/store/series.h"

#include <string.h>

void points_init(struct points *points, uint64_t now_mono_ms, uint32_t step_ms)
{
    memset(points, 0, sizeof(*points));
    points->first_mono_ms = now_mono_ms;
    points->step_ms = step_ms;
}

static void halve(struct points *points)
{
    for (uint32_t i = 0; i < POINTS_MAX / 2; i++) {
        float a = points->values[2 * i], b = points->values[2 * i + 1];

        points->values[i] = a < b ? a : b;
    }
    points->count = POINTS_MAX / 2;
    points->step_ms *= 2;
}

/* Steps that ended before now; those nobody put a value into repeat the one before. */
static void close_steps(struct points *points, uint64_t now_mono_ms)
{
    while (now_mono_ms >= points->first_mono_ms + (uint64_t)(points->count + 1) * points->step_ms) {
        float last = points->count > 0 ? points->values[points->count - 1] : 0;

        if (points->count == POINTS_MAX) { /* the open step is now half of a longer one */
            halve(points);
            continue;
        }
        if (points->pending_count > 0)
            points->values[points->count++] = points->pending;
        else if (points->count > 0)
            points->values[points->count++] = last;
        else
            points->first_mono_ms = now_mono_ms;
        points->pending_count = 0;
    }
}

void points_put(struct points *points, uint64_t now_mono_ms, double value)
{
    float v = (float)value;

    close_steps(points, now_mono_ms);
    if (points->pending_count == 0 || v < points->pending)
        points->pending = v;
    points->pending_count++;
}
