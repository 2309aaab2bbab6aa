/* SPDX-License-Identifier: MIT */
#include "daemon/detect/day.h"

#include <math.h>
#include <string.h>

#include "daemon/detect/profile.h"

#define SLOT_MS (30u * 60 * 1000)
#define DAY_MS  (DETECT_DAY * (double)SLOT_MS)

void day_clear(struct detector *detector)
{
    uint32_t slot = detector->day.slot;

    memset(&detector->day, 0, sizeof(detector->day));
    detector->day.slot = slot;
}

static void run_break(struct detect_day *day)
{
    day->run = 0;
    if (day->fails < UINT16_MAX)
        day->fails++;
}

static void run_extend(struct detect_day *day, float gain)
{
    if (day->run == 0) {
        day->gain_min = gain;
        day->gain_max = gain;
    }
    day->gain_min = fminf(day->gain_min, gain);
    day->gain_max = fmaxf(day->gain_max, gain);
    day->fails = 0;
    if (day->run < UINT16_MAX)
        day->run++;
    if (day->gain_max < detect_rules.day_ratio * day->gain_min)
        return;
    day->run = 1; /* uneven: a new run begins here */
    day->gain_min = gain;
    day->gain_max = gain;
}

static void compare(struct detect_day *day)
{
    float yesterday = day->min[day->slot % DETECT_DAY];
    float gain = day->open - yesterday;

    if (yesterday <= 0)
        return;
    if (gain > detect_rules.day_gain_share * day->open && gain > detect_rules.gain_bytes)
        run_extend(day, gain);
    else
        run_break(day);
}

static void slot_close(struct detect_day *day)
{
    if (day->open > 0) {
        compare(day);
        day->min[day->slot % DETECT_DAY] = day->open;
    }
    day->slot++;
}

void day_step(struct detector *detector, float min)
{
    struct detect_day *day = &detector->day;
    uint32_t slot = (uint32_t)((uint64_t)detector->closed * detector->block_ms / SLOT_MS);

    while (day->slot < slot) {
        slot_close(day);
        if (day->slot == slot)
            day->open = 0;
    }
    day->open = day->open > 0 && day->open < min ? day->open : min;
}

/* The slots of the last day, oldest first; those that were missed are left out. */
static unsigned day_copy(const struct detect_day *day, float *out)
{
    unsigned count = 0;

    for (unsigned back = DETECT_DAY; back > 0; back--) {
        float min = day->min[(day->slot - back) % DETECT_DAY];

        if (min > 0)
            out[count++] = min;
    }
    return count;
}

struct range {
    float low;
    float high;
};

static float range_add(struct range *range, float value)
{
    range->low = fminf(range->low, value);
    range->high = fmaxf(range->high, value);
    return range->high - range->low;
}

/* All that the last day added came at one time and is over: the level moved little until then, and
 * little since. What grows all day moves in any sixteen hours by two thirds of what it adds. */
static bool came_at_once(const struct detect_day *day)
{
    float slots[DETECT_DAY], moved_since[DETECT_DAY];
    unsigned count = day_copy(day, slots);
    float most = (float)detect_rules.day_step_share * day->gain_min;
    struct range since = {INFINITY, -INFINITY}, until = {INFINITY, -INFINITY};

    for (unsigned i = count; i-- > 0;)
        moved_since[i] = range_add(&since, slots[i]);
    for (unsigned i = 0; i + 1 < count; i++) {
        unsigned end = i + detect_rules.day_run;
        float moved = range_add(&until, slots[i]) + moved_since[end < count ? end : count - 1];

        if (moved < most || slots[i + 1] - slots[i] > most)
            return true;
    }
    return false;
}

bool day_grows(const struct detector *detector)
{
    const struct detect_day *day = &detector->day;

    /* What came at once stays above yesterday for a day; what still does has come again. */
    return day->run >= detect_rules.day_run &&
           (day->run > DETECT_DAY + detect_rules.day_run || !came_at_once(day));
}

double day_rate(const struct detector *detector)
{
    const struct detect_day *day = &detector->day;

    double gain = (day->gain_min + day->gain_max) / 2.0;

    return gain * detector->block_ms / DAY_MS;
}

bool day_is_over(const struct detector *detector)
{
    return detector->day.fails >= detect_rules.leave_fails;
}
