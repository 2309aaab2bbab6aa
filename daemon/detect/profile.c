/* SPDX-License-Identifier: MIT */
#include "daemon/detect/profile.h"

#include <stddef.h>
#include <string.h>

#include "daemon/detect/detect.h"

/*
 * z: how straight the growth is, as the standard normal value of slope / error when the residuals
 * are taken for independent. They are not, and a window of 16 cannot tell by how much: its own
 * lag-1 correlation scatters by 0.25, and to correct by it refuses real stairs and lets random
 * walks through. So the bar itself is one that a random walk does not clear: in 20 million windows
 * of walks four in a row were steady (below) and above z = 6, 6.3, 7 some 1700, 990, 100 times a
 * million, of noise with correlation 0.8 between blocks 29, 9, 0.2 times, and the waits below ask
 * for more. z = 6, 6.6 and 7 are correlations of 0.965, 0.979 and 0.987; so many need six even
 * steps or more.
 *
 * passes in a row: the window moves on by a block each time, so four need a quarter of new data;
 * the first windows of a start look straight by chance too often. Fast makes do with two, a window
 * that no walk makes (quick_z) with three.
 *
 * wait: the least time of steady growth. Fills and warm-ups of services last minutes: ten of them
 * are the price of default. Growth that begins late waits no longer: what it is late for is in the
 * waits for the age, the summit and the history. samples: a shape is not known from a handful of
 * points, and who looks once a minute looks at hours: at 1 s it is less than the other waits.
 *
 * age: what has run for days may be watched for an hour. gain: slow growth may be watched until it
 * has added this share of the level, because before nobody is harmed; at most four hours (eight),
 * in which the load of a day shows that it bends.
 *
 * The first three are for fills, and shorter for what is too slow to be one: see fill_share. Fast
 * has nothing left to shorten.
 *
 * first: what grows since the process began may be its first fill (see start_share), and caches,
 * pools and warm-ups of a start that are seen at all are mostly seen for some hundred samples: on
 * generated programs of six seeds half of all false alarms, and nearly all of those of caches and
 * warm-ups, came within 120 of a start; 300 halve them. Twice what later growth waits for. Not for
 * series beside a load (live bytes with their allocations a second): these wait for `wait` in full.
 */
static const struct detect_profile profiles[] = {
    {.name = "fast",
     .z = 6,
     .leak_passes = 2,
     .wait_s = 120,
     .wait_samples = 90,
     .wait_samples_first = 90,
     .wait_age_share = 0.1,
     .wait_age_max_s = 600,
     .wait_gain_share = 0.05,
     .wait_gain_max_s = 4 * 3600,
     .fill_least = 1,
     .fill_least_count = 1},
    {.name = "default",
     .z = 6.6,
     .leak_passes = 4,
     .wait_s = 600,
     .wait_samples = 150,
     .wait_samples_first = 300,
     .wait_age_share = 0.2,
     .wait_age_max_s = 3600,
     .wait_gain_share = 0.12,
     .wait_gain_max_s = 4 * 3600,
     .fill_least = 0.5,
     .fill_least_count = 0.25},
    {.name = "strict",
     .z = 7,
     .leak_passes = 4,
     .wait_s = 1200,
     .wait_samples = 240,
     .wait_samples_first = 300,
     .wait_age_share = 0.33,
     .wait_age_max_s = 7200,
     .wait_gain_share = 0.4,
     .wait_gain_max_s = 8 * 3600,
     .fill_least = 0.5,
     .fill_least_count = 0.25},
};

const struct detect_rules detect_rules = {
    /* Steady: every quarter grows, the slowest 0.4 as much as the fastest, and the last step as
     * much of the first: no step, no plateau. Bursts that come six to the window by chance are as
     * uneven as that. */
    .gap_ratio = 0.4,
    .gap_fade = 0.4,
    /* Saturating: a bend downwards that also shows in the quarters. One straight window in thirteen
     * bends so by chance, and then the next one decides. */
    .bend_t = -1.5,
    .bend_fade = 0.95,
    /* Beginning: a plain bend upwards is a window that holds the start of the growth, or a load
     * that picks up. The smaller window within the growth says how long it has really lasted. */
    .rise_t = 3,
    .rise_start = 0.7,
    /* A block that rises at once by half of what its window gains is not noise of growth: noise of
     * a window that passes is a sixteenth of that (z = 6.6 is a correlation of 0.979). */
    .open_share = 0.5,
    /* Growth worth a word: more than an arena or two, and 0.3 % of where the window began: of a
     * heap of 16 GiB that is 50 MiB, and straighter than its own noise it must be anyway. */
    .gain_share = 0.003,
    .gain_bytes = 256 * 1024,
    /* The error of a figure counted in pages, or in blocks of a large heap. */
    .quantum_bytes = 4096,
    .quantum_share = 1e-5,
    /* What a process leaks it leaks straight: z = 8.5 is a correlation of 0.998. So straight a
     * window must have added only a tenth of the share that one at z = 6.6 must, where a window
     * only just passes. Straight in its quarters too: the slowest has 0.9 of the fastest. Walks of
     * 1800 process-days had 8 windows that passed three times in a row and then for long enough,
     * one of them above z = 7.1: from about there three do for four. */
    .doubt_z = 6.6,
    .sure_z = 8.5,
    .sure_share = 0.1,
    .straight_even = 0.9,
    .quick_z = 7,
    .quick_passes = 3,
    /* Caches, pools, sessions and buffers are there to be filled, and add half of what the program
     * holds, or many times that, before they are full. So what adds a third of it or more in the
     * wait that is meant for fills must wait that long. Slower growth waits less, to a half (a
     * quarter of the samples, and of the wait for the age: there 0.05 already is much), for a fill
     * that slow would take hours: what is left of the wait is for the settling after one. It is
     * less by the cube, because the odds turn as fast: of generated programs that grew since their
     * start, those that added less than 0.3 in 300 samples were leaks 20 to 1, up to 0.6 three to
     * one, above two to three. */
    .fill_share = 0.35,
    .fill_age_share = 0.05,
    /* Growth that is half as old as the process began with it. What makes three fifths of all there
     * is has made two and a half of one: few fills do, and to wait on would cost more than a word.
     */
    .start_share = 0.5,
    .start_gain = 0.6,
    /* A load that returns does so in about the time it took to go. */
    .return_share = 2,
    /* Against the time before the window: above 1.2 of the rate it has been faster and is on
     * its way to an end. */
    .slowed_share = 1.2,
    /* A series whose growth has ended by itself after a time L must grow 4 L before we believe it
     * does not this time, unless the window shows 6 such lengths. */
    .history_waits = 4,
    .history_windows = 6,
    /* Growth that only a window of hours shows has the pace of a day, and a day's load rises for
     * half of it, straight for ten hours at most: it must outlast that. The middle of a sine is
     * straight to 0.9 for less than six hours. So it is with growth that a window of an hour shows
     * and that is no faster than a day's load may be at its steepest (day_swing), where it is not
     * straight: of a sine an eighth is, for so short a time. */
    .slow_window_s = 4 * 3600,
    .pace_window_s = 3600,
    .slow_wait_s = 10 * 3600,
    .straight_wait_s = 6.5 * 3600,
    /* For that, straight is to 0.85: of true lines just above sure_z, 0.9 would refuse every second
     * one, 0.85 every sixth. */
    .day_even = 0.85,
    /* A load that follows the day turns slowly. Where it was flat (to a fifth of the rate) for as
     * long as the window just before it, it bends upwards in the window, the slowest quarter two
     * thirds of the fastest at most. Growth that is more even began at once, and is no day's. */
    .kink_even = 0.75,
    .kink_share = 0.2,
    /* The interval of the rate, beside noise: the first alarm comes when the growth has been seen
     * for a dozen of the times that a perfect test would need, and what comes later differs from
     * that by what its quarters do; no program's rate is steady to better than 6 %; and a day's
     * load that moves the level by 30 % moves it at its steepest by a rate that may be all there
     * is, or hide as much, until a window is straight or a day long. A load that is seen adds what
     * is not known of its slope instead (load.c). By these 95 to 98 % of the generated leaks'
     * intervals hold the true rate. */
    .change_share = 1,
    .rate_error = 0.06,
    .day_swing = 0.3,
    /* When waiting would use up the memory: half of the time that is left, but two minutes. */
    .limit_share = 0.9,
    .limit_wait_s = 120,
    /* Growth that passed twice and ended was an episode; one odd block is none. A suspicion has
     * a quarter of a window in favour of it, and most of the wait: who is asked to look closer
     * twice a day for nothing stops looking. */
    .episode_passes = 2,
    .suspect_passes = 4,
    .suspect_share = 0.7,
    /* The newest quarter must still grow at half the rate. */
    .quarter_share = 0.5,
    /* It has ended: the newer half is flat against the rate and the whole is weaker, or there is
     * nearly nothing left of it. Eight blocks in a row, half a window, so that no single one. */
    .flat_share = 0.35,
    .weak_share = 0.6,
    .gone_share = 0.2,
    .leave_fails = 8,
    /* A leak's oldest object does not die: its birth stands still. The oldest of sessions and
     * requests is always as old as they live: its birth moves on as time does. Where it stands
     * still since the growth began, it is not the load of a day that grows. */
    .turnover = 0.5,
    .stay = 0.1,
    /* A climb that lost half its height was none. */
    .drop_share = 0.5,
    /* A new process in the place of the old: below all that was seen lately, and suddenly. */
    .restart_low = 0.6,
    .restart_last = 0.5,
    /* 80 min at 1 s: a line through a longer hole would be an invention. */
    .hole_blocks = 600,
    /* One whole quarter of a window may be such a line: the others have to agree with it. */
    .hole_share = 0.25,
    /* Beside a load growth must last for twice as long as its straightness asks, but for fewer
     * samples: what looks like growth in a hundred of them is mostly the load, which is known. The
     * times of the profile are waited in full. The slope of memory over load is that of the last
     * thousand blocks of each scale. In the error of the load a jump counts as three errors at
     * most. Where load and time rise together to nine tenths of what they could, the load is given
     * all of it. Another lag must leave a tenth less unexplained to be taken for the better one. */
    .load_doubt = 2,
    .load_samples = 0.8,
    .load_fade = 0.999,
    .load_jump = 9,
    .load_first = 0.1,
    .lag_share = 0.9,
    /* The load rises in a window for certain, and at half the pace of the memory or more. */
    .load_z = 3,
    .load_share = 0.5,
    /* Day against yesterday: 8 h above by 2 %, evenly (a walk of hours differs from yesterday's by
     * more than half as much again), and not by one step. */
    .day_gain_share = 0.02,
    .day_ratio = 1.5,
    .day_step_share = 0.5,
    .day_run = 16,
};

#define PI 3.14159265358979

double detect_day_pace(double level_bytes, double day)
{
    return detect_rules.day_swing * level_bytes * PI / day;
}

const struct detect_profile *detect_profile_find(const char *name)
{
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
        if (strcmp(profiles[i].name, name) == 0)
            return &profiles[i];
    return NULL;
}

const char *detect_profile_name(const struct detect_profile *profile)
{
    return profile->name;
}
