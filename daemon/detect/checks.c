/* SPDX-License-Identifier: MIT */
/* The verdict taken apart: every test that the deciding window went through, with its figures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/detect/candidate.h"
#include "daemon/detect/detect.h"
#include "daemon/detect/ladder.h"
#include "daemon/detect/phrase.h"
#include "daemon/detect/profile.h"
#include "daemon/detect/reading.h"
#include "daemon/detect/trend.h"
#include "daemon/detect/wait.h"

struct list {
    struct detect_check *out;
    size_t count;
};

static void add(struct list *list, enum detect_test test, double value, double needed, bool passed)
{
    struct detect_check *check = &list->out[list->count++];

    *check =
        (struct detect_check){.test = test, .value = value, .needed = needed, .passed = passed};
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void add_window(const struct detector *detector, unsigned scale, struct list *list)
{
    const struct detect_rules *r = &detect_rules;
    double needed = ladder_gain_needed(blocks_at(detector, scale, DETECT_BLOCKS - 1));
    struct trend_shape shape;
    double gain;

    ladder_measure(detector, scale, &shape);
    gain = DETECT_BLOCKS * shape.line.slope_per_step;
    add(list, DETECT_TEST_STRAIGHT, shape.z_plain, ladder_z_needed(detector),
        shape.z_plain >= ladder_z_needed(detector));
    add(list, DETECT_TEST_EVEN, ratio(shape.gap_min, shape.gap_max), r->gap_ratio,
        ladder_is_even(&shape));
    add(list, DETECT_TEST_LASTING, ratio(shape.gap[2], shape.gap[0]), r->bend_fade,
        !ladder_is_saturating(&shape));
    add(list, DETECT_TEST_BEGUN, ratio(shape.gap[0], shape.gap[2]), r->rise_start,
        !ladder_is_beginning(&shape));
    add(list, DETECT_TEST_GAIN, gain, needed, gain >= needed);
}

static void add_waits(const struct detector *detector, const struct candidate *candidate,
                      struct list *list)
{
    double block_s = detector->block_ms / 1000.0;
    struct waits waits;

    wait_measure(detector, candidate, &waits);
    if (waits.has_before)
        add(list, DETECT_TEST_NOT_SLOWING, waits.before / candidate->rate,
            detect_rules.slowed_share, !waits.is_slowing);
    for (unsigned i = 0; i < WAITS; i++)
        if (waits.of[i] > 0)
            add(list, (enum detect_test)(DETECT_TEST_WAIT_LEAST + i), candidate->lasted * block_s,
                waits.of[i] * block_s, candidate->lasted >= waits.of[i]);
    add(list, DETECT_TEST_LONG_ENOUGH, candidate->lasted * block_s, waits.need * block_s,
        candidate->lasted >= waits.need);
}

static void add_candidate(const struct detector *detector, const struct candidate *candidate,
                          struct list *list)
{
    double newest = candidate_newest(detector, candidate);

    add_waits(detector, candidate, list);
    add(list, DETECT_TEST_REPEATED, candidate->passes, candidate_passes_needed(detector, candidate),
        candidate_has_passed_often(detector, candidate));
    add(list, DETECT_TEST_STILL_GROWS, newest, detect_rules.quarter_share,
        newest >= detect_rules.quarter_share);
    if (detector->has_ages && ladder_is_full(detector, candidate->scale))
        add(list, DETECT_TEST_OLDEST_LIVE, ladder_turnover(detector, candidate->scale),
            detect_rules.turnover, !ladder_oldest_die(detector, candidate->scale));
}

size_t detect_explain_tests(const struct detector *detector,
                            struct detect_check out[DETECT_CHECKS_MAX])
{
    struct list list = {.out = out};
    struct candidate candidate;
    unsigned scale;

    if (!reading_scale(detector, &scale))
        return 0;
    if (detector->found.verdict == VERDICT_LEAK && detector->found.scale == DETECT_SCALES) {
        add(&list, DETECT_TEST_DAY, detector->day.run, detect_rules.day_run,
            detector->day.run >= detect_rules.day_run);
        return list.count;
    }
    if (candidate_find(detector, &candidate)) {
        add_window(detector, candidate.scale, &list);
        add_candidate(detector, &candidate, &list);
    } else {
        add_window(detector, scale, &list);
    }
    return list.count;
}

/* What a test asks; whether the figure may be no more or no less; its unit. */
struct row {
    const char *name;
    const char *text;
    bool at_most;
    enum { NUMBER, SECONDS, BYTES, COUNT } unit;
};

static const struct row rows[] = {
    [DETECT_TEST_STRAIGHT] = {"straight", "straightness, in standard errors of a normal", false,
                              NUMBER},
    [DETECT_TEST_EVEN] = {"even", "slowest quarter of the window against the fastest", false,
                          NUMBER},
    [DETECT_TEST_LASTING] = {"lasting", "last quarter against the first", false, NUMBER},
    [DETECT_TEST_BEGUN] = {"begun", "first quarter against the last", false, NUMBER},
    [DETECT_TEST_GAIN] = {"gain", "added in the window", false, BYTES},
    [DETECT_TEST_NOT_SLOWING] = {"not_slowing", "rate before the window against that in it", true,
                                 NUMBER},
    [DETECT_TEST_WAIT_LEAST] = {"wait_least", "time for fills and warm-ups", false, SECONDS},
    [DETECT_TEST_WAIT_SAMPLES] = {"wait_samples", "time for enough samples", false, SECONDS},
    [DETECT_TEST_WAIT_AGE] = {"wait_age", "time for what has run for long", false, SECONDS},
    [DETECT_TEST_WAIT_GAIN] = {"wait_gain", "time to add a share of the memory", false, SECONDS},
    [DETECT_TEST_WAIT_SUMMIT] = {"wait_summit", "time to rise above where it has been", false,
                                 SECONDS},
    [DETECT_TEST_WAIT_PACE] = {"wait_pace", "time to outlast the load of a day", false, SECONDS},
    [DETECT_TEST_WAIT_HISTORY] = {"wait_history", "time to outlast growth that ended before", false,
                                  SECONDS},
    [DETECT_TEST_LONG_ENOUGH] = {"long_enough", "time that it has grown", false, SECONDS},
    [DETECT_TEST_REPEATED] = {"repeated", "windows in a row", false, COUNT},
    [DETECT_TEST_STILL_GROWS] = {"still_grows", "newest quarter against the rate", false, NUMBER},
    [DETECT_TEST_OLDEST_LIVE] = {"oldest_live", "oldest objects that died meanwhile", true, NUMBER},
    [DETECT_TEST_SITES_LIVE] = {"sites_live",
                                "share of the growth at sites whose oldest objects died", true,
                                NUMBER},
    [DETECT_TEST_COLLECTED] = {"collected", "full garbage collections since the growth began",
                               false, COUNT},
    [DETECT_TEST_NOT_LOAD] = {"not_load", "rise of the load against that of the memory", true,
                              NUMBER},
    [DETECT_TEST_DAY] = {"day", "half hours in a row above yesterday's", false, COUNT},
};

const char *detect_test_name(enum detect_test test)
{
    return rows[test].name;
}

bool detect_test_at_most(enum detect_test test)
{
    return rows[test].at_most;
}

static void put_figure(const struct row *row, double value, char *out, size_t size)
{
    if (row->unit == SECONDS)
        phrase_span(value, out, size);
    else if (row->unit == BYTES)
        phrase_bytes(value, out, size);
    else
        snprintf(out, size, row->unit == COUNT ? "%.0f" : "%.2f", value);
}

void detect_check_text(const struct detect_check *check, char *out, size_t size)
{
    const struct row *row = &rows[check->test];
    char value[32], needed[32];

    put_figure(row, check->value, value, sizeof(value));
    put_figure(row, check->needed, needed, sizeof(needed));
    if (isinf(check->needed))
        snprintf(out, size, "%s: %s, no span is enough", row->text, value);
    else
        snprintf(out, size, "%s: %s, %s %s", row->text, value,
                 row->at_most ? "at most" : "at least", needed);
}
