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

static bool has_step(const struct detect_day *day)
{
    for (unsigned back = 1; back + 1 < DETECT_DAY; back++) {
        float later = day->min[(day->slot - back) % DETECT_DAY];
        float before = day->min[(day->slot - back - 1) % DETECT_DAY];

        if (before > 0 && later - before > detect_rules.day_step_share * day->gain_min)
            return true;
    }
    return false;
}

bool day_grows(const struct detector *detector)
{
    const struct detect_day *day = &detector->day;

    return day->run >= detect_rules.day_run && !has_step(day);
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
