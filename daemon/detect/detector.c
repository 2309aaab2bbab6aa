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

_Static_assert(sizeof(struct detector) <= 1600, "the budget of a series");

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

void detector_restart(struct detector *detector)
{
    ladder_clear(detector);
    day_clear(detector);
    detector->closed = detector->open_block;
    detector->born = detector->open_block;
    detector->open_min = 0;
    detector->level = 0;
    climb_clear(detector);
    verdict_restart(detector);
}

/* Far below all that was seen lately, and at once: another process behind the same series. */
static bool is_restart(const struct detector *detector, float min)
{
    unsigned scale = DETECT_SCALES - 1;
    const struct detect_ring *ring;
    float lowest;

    if (min >= detect_rules.restart_last * detector->level)
        return false;
    while (scale > 0 && detector->rings[scale].blocks < RESTART_BLOCKS_MIN)
        scale--;
    ring = &detector->rings[scale];
    if (ring->blocks < RESTART_BLOCKS_MIN)
        return false;
    lowest = ladder_at(ring, 0);
    for (unsigned back = 1; back < DETECT_BLOCKS && back < ring->blocks; back++)
        lowest = fminf(lowest, ladder_at(ring, back));
    return min < detect_rules.restart_low * lowest;
}

static void block_put(struct detector *detector, float min)
{
    ladder_close(detector, min);
    climb_step(detector, min);
    day_step(detector, min);
    detector->closed++;
}

/* Blocks that were missed lie on the line between their neighbours. */
void detector_put_block(struct detector *detector, float min, uint32_t missed)
{
    float from = detector->level;

    hole_put(detector, missed);
    for (uint32_t i = 1; i <= missed; i++)
        block_put(detector, from > 0 ? from + (min - from) * (float)i / (float)(missed + 1) : min);
    block_put(detector, min);
    detector->level = min;
    verdict_step(detector);
}

static void block_close(struct detector *detector)
{
    float min = detector->open_min;

    if (min <= 0)
        return;
    if (!detector->one_life && is_restart(detector, min))
        detector_restart(detector);
    detector_put_block(detector, min, detector->open_block - detector->closed);
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

bool detector_push(struct detector *detector, const struct detect_sample *sample)
{
    uint8_t before = detector->verdict;
    float bytes = (float)sample->bytes;
    uint32_t block;

    if (!(bytes > 0) || !isfinite(bytes))
        return false;
    clock_follow(detector, sample->time_ms);
    detector->limit_bytes = (float)sample->limit_bytes;
    detector->noise_bytes2 = (float)sample->noise_bytes2;
    detector->has_ages = sample->oldest_ms > 0;
    if (detector->has_ages)
        detector->birth = birth_of(detector, sample);
    block = (uint32_t)((sample->time_ms - detector->start_ms) / detector->block_ms);
    if (block != detector->open_block) {
        block_close(detector);
        detector->open_block = block;
        detector->open_min = 0;
    }
    if (detector->open_min <= 0 || bytes < detector->open_min)
        detector->open_min = bytes;
    return detector->verdict != before;
}
