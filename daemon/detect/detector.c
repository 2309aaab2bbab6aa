/* SPDX-License-Identifier: MIT */
#include "daemon/detect/detect.h"

#include <math.h>
#include <string.h>

#include "daemon/detect/climb.h"
#include "daemon/detect/day.h"
#include "daemon/detect/hole.h"
#include "daemon/detect/ladder.h"
#include "daemon/detect/profile.h"
#include "daemon/detect/stat.h"
#include "daemon/detect/verdict.h"

/* Shorter blocks would see the wake-up rhythm of garbage collectors. */
#define BLOCK_MIN_MS       8000
#define STEP_MAX_MS        (15u * 60 * 1000) /* a day's half hours must be seen */
#define RESTART_BLOCKS_MIN 8

_Static_assert(sizeof(struct detector) <= 1120, "the budget of a series");

void detector_init(struct detector *detector, const struct detect_profile *profile,
                   uint64_t step_ms, unsigned multiplicity)
{
    memset(detector, 0, sizeof(*detector));
    step_ms = step_ms < 1 ? 1 : step_ms > STEP_MAX_MS ? STEP_MAX_MS : step_ms;
    detector->profile = profile;
    detector->step_ms = (uint32_t)step_ms;
    detector->block_ms = detector->step_ms > BLOCK_MIN_MS ? detector->step_ms : BLOCK_MIN_MS;
    if (multiplicity > 1)
        detector->multiplicity = (float)(2 * stat_log(multiplicity));
}

void detector_restart_found(struct detector *detector)
{
    ladder_clear_found(detector);
    climb_clear(detector);
    verdict_restart(detector);
}

void detector_restart(struct detector *detector)
{
    ladder_clear(detector);
    day_clear(detector);
    detector->closed = detector->open_block;
    detector->born = detector->open_block;
    detector->open_min = 0;
    detector->level = 0;
    detector_restart_found(detector);
}

/* Far below all that was seen lately, and at once: another process behind the same series. */
static bool is_restart(const struct detector *detector, float min)
{
    unsigned scale = DETECT_SCALES - 1;
    uint32_t blocks;
    float lowest;

    if (min >= detect_rules.restart_last * detector->level)
        return false;
    while (scale > 0 && blocks_closed(detector, scale) < RESTART_BLOCKS_MIN)
        scale--;
    blocks = blocks_closed(detector, scale);
    if (blocks < RESTART_BLOCKS_MIN)
        return false;
    lowest = blocks_at(detector, scale, 0);
    for (unsigned back = 1; back < DETECT_BLOCKS && back < blocks; back++)
        lowest = fminf(lowest, blocks_at(detector, scale, back));
    return min < detect_rules.restart_low * lowest;
}

void detector_test(struct detector *detector, unsigned scales, float min)
{
    ladder_test(detector, scales);
    climb_step(detector, min);
    day_step(detector, min);
    detector->closed++;
}

void detector_decide(struct detector *detector, float level)
{
    detector->level = level;
    verdict_step(detector);
}

static void block_put(struct detector *detector, float min)
{
    unsigned scales = blocks_closing(detector);

    ladder_put(detector, scales, min);
    detector_test(detector, scales, min);
}

float detect_closed_at(float from, float to, const struct detect_closed *closed, uint32_t i)
{
    return from + (to - from) * (float)i / (float)(closed->missed + 1);
}

static void closed_put(struct detector *detector, const struct detect_closed *closed)
{
    float from = detector->level > 0 ? detector->level : closed->min;

    for (uint32_t i = 1; i <= closed->missed; i++)
        block_put(detector, detect_closed_at(from, closed->min, closed, i));
    block_put(detector, closed->min);
    detector_decide(detector, closed->min);
}

static bool block_close(struct detector *detector, struct detect_closed *out)
{
    out->min = detector->open_min;
    if (out->min <= 0)
        return false;
    out->restarted = is_restart(detector, out->min);
    if (out->restarted)
        detector_restart(detector);
    out->missed = detector->open_block - detector->closed;
    hole_put(detector, out->missed);
    return true;
}

/* Time that runs backwards, or stood still, is moved over: the series goes on one step later. */
static void clock_follow(struct detector *detector, uint64_t time_ms)
{
    uint64_t hole_ms = (uint64_t)detect_rules.hole_blocks * detector->block_ms;

    if (!detector->has_sample)
        detector->start_ms = time_ms;
    else if (time_ms <= detector->last_ms || time_ms - detector->last_ms > hole_ms)
        detector->start_ms += time_ms - (detector->last_ms + detector->step_ms);
    detector->has_sample = true;
    detector->last_ms = time_ms;
}

/* May be before the start. */
static float birth_of(const struct detector *detector, const struct detect_sample *sample)
{
    double since_start_ms = (double)(sample->time_ms - detector->start_ms);

    return (float)((since_start_ms - (double)sample->oldest_ms) / detector->block_ms);
}

/* Most samples lie in the block of the one before: the division is for the others. */
static uint32_t block_at(const struct detector *detector, uint64_t time_ms)
{
    uint64_t since_start_ms = time_ms - detector->start_ms;
    uint64_t open_ms = (uint64_t)detector->open_block * detector->block_ms;

    if (since_start_ms - open_ms < detector->block_ms)
        return detector->open_block;
    return (uint32_t)(since_start_ms / detector->block_ms);
}

enum detect_taken detector_take(struct detector *detector, const struct detect_sample *sample,
                                struct detect_closed *out)
{
    enum detect_taken taken = DETECT_TAKEN;
    float bytes = (float)sample->bytes;
    uint32_t block;

    if (!(bytes > 0) || !isfinite(bytes))
        return DETECT_REFUSED;
    clock_follow(detector, sample->time_ms);
    detector->limit_bytes = (float)sample->limit_bytes;
    detector->noise_bytes2 = (float)sample->noise_bytes2;
    detector->has_ages = sample->oldest_ms > 0;
    if (detector->has_ages)
        detector->birth = birth_of(detector, sample);
    block = block_at(detector, sample->time_ms);
    if (block != detector->open_block) {
        if (block_close(detector, out))
            taken = DETECT_CLOSED;
        detector->open_block = block;
        detector->open_min = 0;
    }
    if (detector->open_min <= 0 || bytes < detector->open_min)
        detector->open_min = bytes;
    return taken;
}

bool detector_push(struct detector *detector, const struct detect_sample *sample)
{
    uint8_t before = detector->found.verdict;
    struct detect_closed closed;

    if (detector_take(detector, sample, &closed) == DETECT_CLOSED)
        closed_put(detector, &closed);
    return detector->found.verdict != before;
}
