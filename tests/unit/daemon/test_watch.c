/* SPDX-License-Identifier: MIT */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/watch_fixture.h"

/* ---- leaks --------------------------------------------------------------------------------- */

START_TEST(a_leak_becomes_an_incident_with_its_line_and_type)
{
    const struct incident *incident;

    hello(1, "fast");
    describe_program();
    run_second(LEVEL, LEVEL, 0);
    ck_assert_uint_eq(zooms, 1); /* the fast profile looks closely from the start */
    ck_assert_uint_eq(zoom_period, 65536);
    ck_assert(zoom_python);
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 15);
    ck_assert_uint_eq(opened, 1);
    ck_assert_uint_eq(notice_count, 1);
    ck_assert_int_eq(notice_events[0], NOTICE_OPENED);
    ck_assert_str_eq(notice_culprit, "handle");
    ck_assert_ptr_nonnull(strstr(notice_summary, "leak: growing 84."));
    ck_assert_ptr_nonnull(strstr(notice_summary, "allocated at shop.py:42 handle()"));
    ck_assert_ptr_nonnull(strstr(notice_summary, "as builtins.dict"));
    ck_assert_ptr_nonnull(strstr(notice_summary, "reaches the host's memory (2 GiB) in "));
    incident = query_incident_at(store, 0);
    ck_assert_str_eq(incident->process_id, process->id);
    ck_assert_str_eq(incident->sites[0].frames[0].function, "handle");
    ck_assert_uint_eq(incident->sites[0].frames[0].line, 42);
    ck_assert_str_eq(incident->types[0].name, "builtins.dict");
    ck_assert_str_eq(incident->fingerprint, incident->sites[0].fingerprint);
    ck_assert(incident->growth.lower < RATE && incident->growth.upper > RATE);
    ck_assert(incident->sites[0].growth.known);
    ck_assert(fabs(incident->sites[0].growth.estimate - RATE) < 0.1 * RATE);
}
END_TEST

START_TEST(the_default_profile_zooms_at_suspicion_and_not_before)
{
    hello(1, "default");
    describe_program();
    for (int i = 0; i < 100; i++)
        run_second(LEVEL + RATE * (double)second, 100 * MIB, 0);
    ck_assert_uint_eq(zooms, 0);
    ck_assert_ptr_null(process->sites[0].recent);
    leak_until(VERDICT_SUSPECT, LEVEL, RATE, 600);
    ck_assert_uint_eq(zooms, 1);
    leak_until(VERDICT_LEAK, LEVEL, RATE, 2000);
    leak_on(LEVEL, RATE, 15);
    ck_assert_str_eq(notice_culprit, "handle");
    ck_assert_int_eq(process->sites[0].verdict, VERDICT_LEAK);
    ck_assert_int_ne(process->sites[1].verdict, VERDICT_LEAK);
    ck_assert_int_ne(process->sites[2].verdict, VERDICT_LEAK);
}
END_TEST

START_TEST(an_end_of_growth_resolves_tells_and_calms_the_agent)
{
    double live;

    hello(1, "default");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 2000);
    leak_on(LEVEL, RATE, 60);
    live = LEVEL + RATE * (double)second;
    for (int i = 0; i < 4000 && process->verdict != VERDICT_RESOLVED; i++)
        run_second(live + 4096 * noise(second), rss_bytes, python_live);
    ck_assert_int_eq(process->verdict, VERDICT_RESOLVED);
    ck_assert_uint_eq(resolved, 1);
    ck_assert_uint_eq(notice_count, 2);
    ck_assert_int_eq(notice_events[1], NOTICE_RESOLVED);
    ck_assert_uint_eq(calms, 1);
    ck_assert_uint_eq(zoom_period, 524288);
    ck_assert_ptr_null(process->sites[0].recent);
    ck_assert_int_eq(query_incident_at(store, 0)->state, INCIDENT_RESOLVED);
    ck_assert_uint_gt(query_incident_at(store, 0)->site_count, 0); /* the evidence stays */
}
END_TEST

START_TEST(a_cache_that_fills_and_stops_is_no_incident)
{
    hello(1, "default");
    describe_program();
    for (int i = 0; i < 3600; i++) {
        double live = LEVEL + 60 * MIB * (1 - exp(-(double)i / 120)) + 65536 * noise(second);

        run_second(live, live + 8 * MIB, 0);
    }
    ck_assert_uint_eq(opened, 0);
    ck_assert_uint_eq(notice_count, 0);
    ck_assert_int_eq(process->verdict, VERDICT_OK);
}
END_TEST

START_TEST(a_process_that_says_nothing_is_watched_as_constant)
{
    hello(1, "fast");
    put_live(LEVEL);
    put_rss(100 * MIB);
    for (int i = 0; i < 200; i++)
        tick();
    ck_assert_int_eq(process->verdict, VERDICT_OK);
    ck_assert(process->growth.known && fabs(process->growth.estimate) < 1);
}
END_TEST

START_TEST(rss_decides_where_there_are_no_live_bytes)
{
    hello(1, "fast");
    for (int i = 0; i < 400; i++) {
        put_rss(100 * MIB + RATE * (double)second);
        tick();
    }
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert(process->fit_is_rss);
    ck_assert_uint_eq(notice_count, 1);
    ck_assert_uint_eq(first_notice_second - opened_second, 10); /* it waited for a culprit */
}
END_TEST

START_TEST(rss_growing_over_flat_live_bytes_is_fragmentation)
{
    hello(1, "fast");
    describe_program();
    for (int i = 0; i < 600; i++)
        run_second(LEVEL + 4096 * noise(second), 100 * MIB + RATE * (double)second, 0);
    ck_assert_int_eq(process->verdict, VERDICT_FRAGMENTATION);
    ck_assert_uint_eq(opened, 1);
    ck_assert_int_eq(query_incident_at(store, 0)->verdict, VERDICT_FRAGMENTATION);
    ck_assert_ptr_nonnull(strstr(process->summary, "fragmentation: resident memory grows"));
}
END_TEST

/* RSS has no load to doubt: it must have the same patience all the same. */
START_TEST(what_live_bytes_gain_is_never_told_as_fragmentation)
{
    const double level = 100e6, rate = 3400;
    const unsigned calm_s = 3600;

    hello(1, "default");
    describe_program();
    for (unsigned i = 0; process->verdict != VERDICT_LEAK; i++) {
        double gain = i > calm_s ? rate * (i - calm_s) : 0;

        ck_assert_uint_lt(i, calm_s + 2400);
        run_second(level + gain + 1e5 * noise(second), 1.3 * level + gain + 1e4 * noise(i), 0);
        ck_assert_int_ne(process->verdict, VERDICT_FRAGMENTATION);
    }
    ck_assert(!process->fit_is_rss);
}
END_TEST

SUITE_MAIN_FIXTURE("watch", setup, teardown, a_leak_becomes_an_incident_with_its_line_and_type,
                   the_default_profile_zooms_at_suspicion_and_not_before,
                   an_end_of_growth_resolves_tells_and_calms_the_agent,
                   a_cache_that_fills_and_stops_is_no_incident,
                   a_process_that_says_nothing_is_watched_as_constant,
                   rss_decides_where_there_are_no_live_bytes,
                   rss_growing_over_flat_live_bytes_is_fragmentation,
                   what_live_bytes_gain_is_never_told_as_fragmentation)
