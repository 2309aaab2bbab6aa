/* SPDX-License-Identifier: MIT */
/* What the detector knows now: the growth with its interval, and the line that shows it. */
#include "daemon/detect/reading.h"

#include <math.h>
#include <string.h>

#include "daemon/detect/detect.h"
#include "daemon/detect/ladder.h"
#include "daemon/detect/profile.h"
#include "daemon/detect/trend.h"

/* A calm series shows its growth over half an hour: long enough to be steady, still news. */
#define CALM_SCALE 4

bool reading_scale(const struct detector *detector, unsigned *scale)
{
    bool decided = detector->found.verdict == VERDICT_SUSPECT || detector->found.verdict == VERDICT_LEAK;

    if (!ladder_is_full(detector, 0))
        return false;
    *scale = decided && detector->found.scale < DETECT_SCALES ? detector->found.scale : CALM_SCALE;
    while (!ladder_is_full(detector, *scale))
        --*scale;
    return true;
}

/* Bytes per second by which a load that follows the day may move the level at its steepest: what
 * rises adds it to the growth that is seen, what falls hides it. A load that is seen explains its
 * day itself. */
static double day_pace(const struct detector *detector, unsigned scale)
{
    double window_s = ladder_window(scale) * detector->block_ms / 1000;

    if (detector->has_load || window_s >= DETECT_DAY_S ||
        ladder_is_straight(&detector->found.rings[scale]))
        return 0;
    return detect_day_pace(detector->level, DETECT_DAY_S);
}

void reading_bound(struct growth *growth)
{
    if (growth->estimate > 0)
        growth->lower = fmax(growth->lower, 0);
}

static void read_growth(const struct detector *detector, unsigned scale,
                        const struct trend_shape *shape, struct growth *out)
{
    double per_s = 1000.0 / detector->block_ms / (double)(1u << scale);
    double noise = shape->line.t_quantile * shape->line.se_per_step;
    const struct detect_rules *r = &detect_rules;
    double change = r->change_share * (shape->gap_max - shape->gap_min) / (DETECT_BLOCKS / 4.0);
    double floor = r->rate_error * shape->line.slope_per_step;
    double pace = day_pace(detector, scale);
    double half_width = sqrt(noise * noise + change * change + floor * floor) * per_s;

    out->known = true;
    out->estimate = shape->line.slope_per_step * per_s;
    out->lower = out->estimate - half_width;
    out->upper = out->estimate + half_width;
    if (out->lower > 0)
        out->lower = fmax(out->lower - pace, 0);
    out->pace = out->estimate > 0 ? pace : 0;
    out->upper += out->pace;
}

static void read_fit(const struct detector *detector, unsigned scale, struct detect_result *out)
{
    uint64_t block_ms = (uint64_t)detector->block_ms << scale;
    uint64_t to_block = (uint64_t)blocks_closed(detector, scale) << scale;
    struct trend_shape shape;

    ladder_measure(detector, scale, &shape);
    read_growth(detector, scale, &shape, &out->growth);
    out->z = shape.z_plain;
    out->passes = ladder_passes(detector, scale);
    out->has_fit = true;
    out->fit_to_ms = detector->start_ms + (detector->born + to_block) * detector->block_ms;
    out->fit_from_ms = out->fit_to_ms - DETECT_BLOCKS * block_ms;
    out->fit_bytes = shape.line.intercept;
}

/* Growth seen only from day to day has no line; its interval are its extremes, those of a run that has
 * begun since included. */
static void read_day(const struct detector *detector, struct detect_result *out)
{
    out->growth.estimate = detector->found.rate * 1000.0 / detector->block_ms;
    out->growth.lower = fmin(detector->day.gain_min / DETECT_DAY_S, out->growth.estimate);
    out->growth.upper = fmax(detector->day.gain_max / DETECT_DAY_S, out->growth.estimate);
    out->growth.pace = 0;
    out->has_fit = false;
}

void detector_read(const struct detector *detector, struct detect_result *out)
{
    unsigned scale;

    memset(out, 0, sizeof(*out));
    out->verdict = (enum verdict)detector->found.verdict;
    out->changed_ms = detector->found.changed_ms;
    out->since_ms = detector->found.since_ms;
    if (!reading_scale(detector, &scale))
        return;
    read_fit(detector, scale, out);
    out->oldest_die = out->verdict == VERDICT_SUSPECT && ladder_oldest_die(detector, scale);
    if (detector->found.verdict == VERDICT_LEAK && detector->found.scale == DETECT_SCALES)
        read_day(detector, out);
    if (detector->found.verdict == VERDICT_LEAK)
        reading_bound(&out->growth);
}
