/* SPDX-License-Identifier: MIT */
/* Every threshold of the detector; the reasons stand in profile.c. Times in seconds. */
#ifndef LEAKD_DETECT_PROFILE_H
#define LEAKD_DETECT_PROFILE_H

/* What differs between fast, default and strict: how sure, and how long to wait. */
struct detect_profile {
    const char *name;
    double z;
    unsigned leak_passes;
    double wait_s;
    double wait_samples;
    double wait_samples_first;
    double wait_age_share;
    double wait_age_max_s;
    double wait_gain_share;
    double wait_gain_max_s;
    double fill_least;
    double fill_least_count;
};

/* What does not. */
struct detect_rules {
    double gap_ratio;
    double gap_fade;
    double bend_t;
    double bend_fade;
    double rise_t;
    double rise_start;
    double open_share;
    double gain_share;
    double gain_bytes;
    double quantum_bytes;
    double quantum_share;
    double doubt_z;
    double sure_z;
    double sure_share;
    double quick_z;
    unsigned quick_passes;
    double fill_share;
    double fill_age_share;
    double straight_even;
    double day_even;
    double kink_even;
    double kink_share;
    double return_share;
    double slowed_share;
    double history_waits;
    double history_windows;
    double start_share;
    double start_gain;
    double slow_window_s;
    double pace_window_s;
    double slow_wait_s;
    double straight_wait_s;
    double change_share;
    double rate_error;
    double day_swing;
    double limit_share;
    double limit_wait_s;
    unsigned episode_passes;
    unsigned suspect_passes;
    double suspect_share;
    double quarter_share;
    double flat_share;
    double weak_share;
    double gone_share;
    unsigned leave_fails;
    double turnover;
    double stay;
    double drop_share;
    double restart_low;
    double restart_last;
    unsigned hole_blocks;
    double hole_share;
    double load_doubt;
    double load_samples;
    double load_jump;
    double load_fade;
    double load_first;
    double lag_share;
    double load_z;
    double load_share;
    double day_gain_share;
    double day_ratio;
    double day_step_share;
    unsigned day_run;
};

extern const struct detect_rules detect_rules;

#define DETECT_DAY_S 86400.0

/* By how much a load that follows the day moves a level at its steepest, in the unit of time in
 * which the day is given: the steepest of a sine whose swing is day_swing of the level. */
double detect_day_pace(double level_bytes, double day);

#endif
