/* SPDX-License-Identifier: MIT */
/* What sites held at past moments. */
#include "daemon/store/shots.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/store.h"
#include "tests/unit/suite.h"

#define START_MS UINT64_C(1000000)

static struct store *store;
static struct process *process;

static void begin(void)
{
    struct store_limits limits = {.processes_max = 4, .exited_retention_ms = 60000};
    struct process_identity identity = {.pid = 7, .uid = 1000, .start_ticks = 1, .instance = 1};
    struct wire_hello hello = {.protocol = 1,
                               .instance = 1,
                               .sample_period_bytes = 524288,
                               .exe = {"/bin/x", 6},
                               .argv0 = {"x", 1},
                               .runtime = {"native", 6},
                               .agent_version = {"1", 1}};

    ck_assert_int_eq(store_new(&limits, &store), 0);
    ck_assert_int_eq(store_hello(store, &identity, &hello, detect_profile_find("default"), 1,
                                 START_MS, &process),
                     0);
}

static void end(void)
{
    store_free(store);
}

static void put(uint32_t id, uint64_t alloc_bytes, uint64_t live_bytes)
{
    struct wire_site_totals totals = {.site_id = id,
                                      .alloc_bytes = alloc_bytes,
                                      .free_bytes = alloc_bytes - live_bytes,
                                      .alloc_count = 2,
                                      .free_count = 1};

    ck_assert_int_eq(store_put_site_totals(store, process, &totals, 1), 0);
}

static double live_of(uint64_t from_s, uint64_t to_s, uint64_t now_s, size_t index)
{
    double live[8192], alloc[8192];
    uint64_t from_ms, to_ms;

    query_past_sites(process, START_MS + from_s * 1000, START_MS + to_s * 1000,
                     START_MS + now_s * 1000, live, alloc, &from_ms, &to_ms);
    return live[index];
}

/* A leak of 100 bytes a second, looked at every second. */
static void play(uint64_t from_s, uint64_t to_s, bool closely)
{
    for (uint64_t s = from_s; s < to_s; s++) {
        put(1, 1000 + 200 * s, 100 * s + 1);
        put(2, 50, 50);
        store_take_shot(store, process, closely, START_MS + s * 1000);
    }
}

START_TEST(without_a_record_the_present_is_all_there_is)
{
    begin();
    put(1, 300, 200);
    ck_assert_double_eq(live_of(0, 0, 60, 0), 200);
    ck_assert_uint_eq(query_past_oldest_ms(process), 0);
    end();
}
END_TEST

START_TEST(the_nearest_moment_answers)
{
    begin();
    play(0, 600, false);
    ck_assert_uint_eq(query_past_oldest_ms(process), START_MS);
    ck_assert_double_eq(live_of(0, 0, 599, 0), 1);
    ck_assert_double_eq(live_of(130, 130, 599, 0), 12001); /* the shot of minute 2 */
    ck_assert_double_eq(live_of(599, 599, 599, 0), 59901); /* the present */
    ck_assert_double_eq(live_of(130, 130, 599, 1), 50);
    end();
}
END_TEST

START_TEST(a_range_is_the_mean_of_its_moments)
{
    double live[8], alloc[8];
    uint64_t from_ms, to_ms;

    begin();
    play(0, 600, false);
    query_past_sites(process, START_MS + 100000, START_MS + 250000, START_MS + 599000, live, alloc,
                     &from_ms, &to_ms);
    ck_assert_uint_eq(from_ms, START_MS + 120000);
    ck_assert_uint_eq(to_ms, START_MS + 240000);
    ck_assert_double_eq(live[0], 18001);
    ck_assert_double_eq(alloc[0], 1000 + 200 * 180);
    end();
}
END_TEST

START_TEST(a_process_that_is_looked_at_has_finer_moments)
{
    begin();
    play(0, 600, true);
    ck_assert_double_eq(live_of(130, 130, 599, 0), 13001);
    end();
}
END_TEST

START_TEST(a_day_fits_and_stays_readable)
{
    uint64_t day_s = 86400;

    begin();
    for (uint64_t s = 0; s < day_s; s += 60)
        play(s, s + 1, false);
    ck_assert_uint_eq(query_past_oldest_ms(process), START_MS);
    /* half a day ago within an hour and a half, 10 minutes ago within 2 minutes */
    ck_assert_double_eq_tol(live_of(43200, 43200, day_s, 0), 4320000, 540000);
    ck_assert_double_eq_tol(live_of(day_s - 600, day_s - 600, day_s, 0), 8580000, 12000);
    end();
}
END_TEST

START_TEST(memory_is_bounded_with_thousands_of_sites)
{
    struct shots *shots = NULL;

    begin();
    for (uint32_t id = 1; id <= 4096; id++)
        put(id, 1000 + id, 1 + id);
    for (uint64_t s = 0; s < 36000; s += 10)
        shots_take(&shots, process, true, START_MS + s * 1000);
    ck_assert_uint_lt(shots_bytes(shots), 160u << 10);
    ck_assert_uint_gt(shots_count(shots), 10);
    for (uint64_t s = 36000; s < 40000; s += 10)
        shots_take(&shots, process, false, START_MS + s * 1000);
    ck_assert_uint_lt(shots_bytes(shots), 24u << 10);
    shots_free(shots);
    end();
}
END_TEST

START_TEST(of_many_sites_the_largest_are_kept)
{
    begin();
    for (uint32_t id = 1; id <= 2000; id++)
        put(id, 100000 + id, id);
    store_take_shot(store, process, false, START_MS);
    ck_assert_double_eq(live_of(0, 0, 3600, 1999), 2000);
    ck_assert_double_eq(live_of(0, 0, 3600, 0), 0);
    end();
}
END_TEST

START_TEST(a_clock_that_was_set_back_does_not_stop_the_recording)
{
    struct shots *shots = NULL;

    begin();
    put(1, 10, 5);
    shots_take(&shots, process, false, START_MS + 7200000);
    shots_take(&shots, process, false, START_MS);
    shots_take(&shots, process, false, START_MS + 60000);
    ck_assert_uint_eq(shots_count(shots), 2);
    ck_assert_uint_eq(shots_wall_ms(shots, 0), START_MS);
    shots_free(shots);
    end();
}
END_TEST

SUITE_MAIN("store_past", without_a_record_the_present_is_all_there_is, the_nearest_moment_answers,
           a_range_is_the_mean_of_its_moments, a_process_that_is_looked_at_has_finer_moments,
           a_day_fits_and_stays_readable, memory_is_bounded_with_thousands_of_sites,
           of_many_sites_the_largest_are_kept,
           a_clock_that_was_set_back_does_not_stop_the_recording)
