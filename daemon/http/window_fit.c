/* SPDX-License-Identifier: MIT */
#include "daemon/http/window_fit.h"

#include <math.h>

/* As many as a line is fitted through; the least of each is below what garbage and requests add. */
#define BLOCKS_MAX 64
/* With fewer the interval is a guess. */
#define BLOCKS_MIN 12
/* More would be a line through what was made up. */
#define HOLES_MAX_SHARE 0.25

struct blocks {
    double least[BLOCKS_MAX]; /* NAN: a hole */
    size_t count;
    uint64_t from_ms;
    uint64_t span_ms;
};

static size_t block_of(const struct blocks *blocks, uint64_t wall_ms)
{
    size_t at = (size_t)((double)(wall_ms - blocks->from_ms) * (double)blocks->count /
                         (double)blocks->span_ms);

    return at < blocks->count ? at : blocks->count - 1;
}

static void gather(const struct point *points, size_t count, struct blocks *blocks)
{
    for (size_t i = 0; i < blocks->count; i++)
        blocks->least[i] = NAN;
    for (size_t i = 0; i < count; i++) {
        double *least = &blocks->least[block_of(blocks, points[i].wall_ms)];

        *least = fmin(*least, points[i].min); /* of NAN and a number, the number */
    }
}

/* A line needs a value a block: a hole gets the one between its neighbours. The first and the last
 * block have points. Returns how many there were. */
static size_t bridge(struct blocks *blocks)
{
    size_t before = 0, holes = 0;

    for (size_t i = 1; i < blocks->count; i++) {
        if (isnan(blocks->least[i])) {
            holes++;
            continue;
        }
        for (size_t at = before + 1; at < i; at++)
            blocks->least[at] = blocks->least[before] +
                                (blocks->least[i] - blocks->least[before]) *
                                    (double)(at - before) / (double)(i - before);
        before = i;
    }
    return holes;
}

static void read_line(const struct blocks *blocks, const struct trend *trend,
                      struct window_fit *out)
{
    double block_s = (double)blocks->span_ms / 1000 / (double)blocks->count;
    double reach = trend->t_quantile * trend->se_per_step;

    out->from_ms = blocks->from_ms;
    out->to_ms = blocks->from_ms + blocks->span_ms;
    /* The first value stands in the middle of its block. */
    out->bytes_at_from = trend->intercept - trend->slope_per_step / 2;
    out->growth = (struct growth){.known = true,
                                  .estimate = trend->slope_per_step / block_s,
                                  .lower = (trend->slope_per_step - reach) / block_s,
                                  .upper = (trend->slope_per_step + reach) / block_s};
}

const char *window_fit(const struct point *points, size_t count, uint64_t step_ms,
                       struct window_fit *out)
{
    struct blocks blocks = {.count = 0};
    struct trend trend;
    uint64_t steps;

    if (count == 0 || step_ms == 0)
        return "nothing was measured in it";
    blocks.from_ms = points[0].wall_ms;
    blocks.span_ms = points[count - 1].wall_ms + step_ms - blocks.from_ms;
    steps = blocks.span_ms / step_ms;
    if (steps < BLOCKS_MIN)
        return "fewer than twelve steps of it were measured";
    blocks.count = steps < BLOCKS_MAX ? (size_t)steps : BLOCKS_MAX;
    gather(points, count, &blocks);
    if ((double)bridge(&blocks) > HOLES_MAX_SHARE * (double)blocks.count)
        return "more than a quarter of it was not measured";
    if (!trend_fit(blocks.least, blocks.count, 0, &trend))
        return "no line fits";
    read_line(&blocks, &trend, out);
    return NULL;
}
