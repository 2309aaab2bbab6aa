/* SPDX-License-Identifier: MIT */
/* What lags remember, against what it stands for: every lag with a past of its own. */
#include <math.h>

#include "daemon/detect/lags.h"
#include "tests/unit/daemon/feed.h"
#include "tests/unit/suite.h"

#define PUTS 300

static const unsigned lag_blocks[LOAD_LAGS] = {0, 1, 2, 3, 5, 8, 13, 21, 34, 55};

static double load_at(unsigned block, struct feed *noise)
{
    return 100 + 40 * sin(block / 20.0) + 10 * feed_noise(noise) + (block > 150 ? 200 : 0);
}

START_TEST(the_turn_of_a_lag_is_that_of_its_smoothed_load)
{
    struct load_lags lags = {0};
    struct feed noise = {.noise = 1};
    static double smooth[LOAD_LAGS][PUTS];

    for (unsigned block = 0; block < PUTS; block++) {
        double load = load_at(block, &noise);

        lags_put(&lags, block, (float)load);
        for (unsigned i = 0; i < LOAD_LAGS; i++) {
            double before = block > 0 ? smooth[i][block - 1] : 0;
            double weight = fmax(1.0 / (1 + lag_blocks[i]), 1.0 / (block + 1));

            smooth[i][block] = before + weight * (load - before);
            ck_assert_double_eq_tol(lags.smooth[i], smooth[i][block], 1e-3);
            if (block >= DETECT_BLOCKS)
                ck_assert_double_eq_tol(lags.turn[i],
                                        smooth[i][block] - smooth[i][block - DETECT_BLOCKS], 2e-3);
        }
    }
}
END_TEST

START_TEST(a_load_that_stands_still_does_not_turn)
{
    struct load_lags lags = {0};

    for (unsigned block = 0; block < PUTS; block++) {
        lags_put(&lags, block, 77.7F);
        for (unsigned i = 0; i < LOAD_LAGS && block >= DETECT_BLOCKS; i++)
            ck_assert_float_eq(lags.turn[i], 0);
    }
}
END_TEST

START_TEST(the_lag_that_memory_has_is_found)
{
    for (unsigned best = 0; best < LOAD_LAGS; best += 3) {
        struct load_lags lags = {0};
        struct feed noise = {.noise = 1};
        double follows = 100, past[DETECT_BLOCKS] = {0};

        for (unsigned block = 0; block < 4 * PUTS; block++) {
            double load = load_at(block, &noise);

            follows += (load - follows) / (1 + lag_blocks[best]);
            lags_put(&lags, block, (float)load);
            if (block >= DETECT_BLOCKS)
                lags_learn(&lags, (float)(MIB * (follows - past[block % DETECT_BLOCKS])), 0);
            past[block % DETECT_BLOCKS] = follows;
        }
        ck_assert_uint_eq(lags.best, best);
        ck_assert_double_eq_tol(lags_load(&lags), follows, 0.01);
        ck_assert_double_eq_tol(lags_error_share(&lags), 1.0 / (1 + 2 * lag_blocks[best]), 1e-6);
    }
}
END_TEST

SUITE_MAIN("detect_lags", the_turn_of_a_lag_is_that_of_its_smoothed_load,
           a_load_that_stands_still_does_not_turn, the_lag_that_memory_has_is_found)
