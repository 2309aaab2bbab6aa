/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "agent/core/sampler.h"

#include <math.h>
#include <stdlib.h>

START_TEST(interval_has_the_mean_and_spread_of_an_exponential)
{
    const double period = 524288;
    const int draws = 200000;
    uint64_t state = 1;
    double sum = 0, squares = 0, mean, deviation;

    for (int i = 0; i < draws; i++) {
        double x = (double)sampler_interval(524288, &state);

        sum += x;
        squares += x * x;
    }
    mean = sum / draws;
    deviation = sqrt(squares / draws - mean * mean);
    ck_assert_double_eq_tol(mean / period, 1, 4 / sqrt(draws));
    ck_assert_double_eq_tol(deviation / period, 1, 0.02);
}
END_TEST

START_TEST(interval_hits_a_byte_as_often_as_it_must)
{
    const int draws = 200000;
    uint64_t state = 2;
    int hits = 0;

    /* A block of 10 bytes at a mean of 8 is hit with probability 1 - exp(-10/8). */
    for (int i = 0; i < draws; i++)
        hits += sampler_interval(8, &state) <= 10;
    ck_assert_double_eq_tol((double)hits / draws, 1 - exp(-1.25), 0.005);
}
END_TEST

START_TEST(weight_is_size_over_the_probability_of_a_hit)
{
    const uint64_t sizes[] = {1, 16, 500, 4096, 100000, 524288, 3000000, 20000000, 1ULL << 40};
    const uint64_t periods[] = {2, 64, 4096, 524288, 1 << 30};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t k = 0; k < sizeof(periods) / sizeof(periods[0]); k++) {
            double n = (double)sizes[i];
            double expected = n / -expm1(-n / (double)periods[k]);
            double weight = (double)sampler_weight(sizes[i], periods[k]);

            ck_assert_double_eq_tol(weight / expected, 1, 1e-6 + 0.5 / expected);
        }
    }
}
END_TEST

START_TEST(period_of_one_takes_every_block_as_itself)
{
    uint64_t state = 3;

    for (uint64_t size = 1; size < 1000; size++) {
        ck_assert_uint_eq(sampler_interval(1, &state), 1);
        ck_assert_uint_eq(sampler_weight(size, 1), size);
        ck_assert_uint_eq(sampler_count_q16(size, size), 65536);
    }
}
END_TEST

/* The estimate of 1000 blocks of each size, over 200 seeds: the mean is the truth and the spread is
 * what Poisson sampling has. */
START_TEST(sums_of_weights_are_unbiased_and_spread_as_predicted)
{
    const uint64_t sizes[] = {32, 4096, 65536};
    const uint64_t period = 16384;
    const int blocks = 2000, runs = 200;

    for (int s = 0; s < 3; s++) {
        const double n = (double)sizes[s];
        const double truth = n * blocks;
        const double hit = -expm1(-n / (double)period);
        const double predicted = n * sqrt(blocks * (1 - hit) / hit);
        double sum = 0, squares = 0, mean, deviation;

        for (int run = 0; run < runs; run++) {
            uint64_t state = (uint64_t)(run * 3 + s) * 7919;
            uint64_t next = sampler_interval(period, &state);
            uint64_t at = 0;
            double estimate = 0;

            for (int i = 0; i < blocks; i++) {
                at += sizes[s];
                if (at < next)
                    continue;
                estimate += (double)sampler_weight(sizes[s], period);
                next = at + sampler_interval(period, &state);
            }
            sum += estimate;
            squares += estimate * estimate;
        }
        mean = sum / runs;
        deviation = sqrt(squares / runs - mean * mean);
        ck_assert_double_eq_tol(mean, truth, 4 * predicted / sqrt(runs));
        ck_assert_double_eq_tol(deviation / predicted, 1, 0.25);
    }
}
END_TEST

SUITE_MAIN("sampler", interval_has_the_mean_and_spread_of_an_exponential,
           interval_hits_a_byte_as_often_as_it_must, weight_is_size_over_the_probability_of_a_hit,
           period_of_one_takes_every_block_as_itself,
           sums_of_weights_are_unbiased_and_spread_as_predicted)
