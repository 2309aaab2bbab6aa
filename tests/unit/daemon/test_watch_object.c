/* SPDX-License-Identifier: MIT */
/* What the watch knows beside live bytes: the load, the ages at the sites, collections. */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/watch_fixture.h"

/* A native site, seen since the start, whose oldest object is so old. */
static void put_native_site(double live_bytes, double oldest_s)
{
    struct wire_site site = {.id = 9, .domain = WIRE_DOMAIN_NATIVE, .frame_count = 1};
    struct wire_site_totals totals = {.site_id = 9,
                                      .alloc_bytes = (uint64_t)live_bytes,
                                      .oldest_age_ms = (uint32_t)(1000 * oldest_s)};

    site.frames[0] = (struct wire_stack_frame){.kind = WIRE_FRAME_NATIVE, .offset = 4711};
    if (second == 0)
        ck_assert_int_eq(store_put_site(store, process, &site), 0);
    ck_assert_int_eq(store_put_site_totals(store, process, &totals, mono()), 0);
}

static void run_with_ages(unsigned seconds, double oldest_s)
{
    for (unsigned i = 0; i < seconds; i++) {
        double leaked = 4 * RATE * (double)second;

        put_native_site(MIB + leaked, oldest_s > 0 ? oldest_s : (double)second + 1);
        run_second(LEVEL + leaked, LEVEL + leaked, 0);
    }
}

START_TEST(growth_at_sites_whose_oldest_objects_die_is_only_suspect)
{
    hello(1, "default");
    run_with_ages(900, 40);
    ck_assert_int_eq(process->verdict, VERDICT_SUSPECT);
    ck_assert(process->fit.oldest_die);
    ck_assert_ptr_nonnull(strstr(process->summary, "oldest objects die"));
    ck_assert_uint_eq(process->objection_count, 1);
    ck_assert_int_eq(process->objections[0].test, DETECT_TEST_SITES_LIVE);
    ck_assert(!process->objections[0].passed);
    ck_assert_uint_eq(opened, 0);
}
END_TEST

START_TEST(growth_at_sites_whose_oldest_objects_live_on_is_a_leak)
{
    hello(1, "default");
    run_with_ages(900, 0);
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert(process->objections[0].passed);
    ck_assert_uint_eq(opened, 1);
}
END_TEST

START_TEST(a_near_limit_hears_no_objection)
{
    write_file("meminfo", "MemTotal:       262144 kB\n"); /* reached after ten minutes */
    hello(1, "default");
    run_with_ages(550, 40);
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
}
END_TEST

static void put_collections(uint64_t full)
{
    struct wire_gc gc = {0};

    gc.generations[2].collections = full;
    store_put_gc(store, process, &gc);
}

START_TEST(growth_before_a_full_collection_may_be_garbage)
{
    double level = 900 * MIB;

    hello(1, "default");
    describe_program();
    put_collections(3);
    for (unsigned i = 0; i < 700; i++)
        run_second(level + RATE * (double)second, level, 0);
    ck_assert_int_eq(process->verdict, VERDICT_SUSPECT);
    ck_assert_ptr_nonnull(strstr(process->summary, "no full garbage collection"));
    put_collections(4);
    for (unsigned i = 0; i < 60; i++)
        run_second(level + RATE * (double)second, level, 0);
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
}
END_TEST

START_TEST(growth_beyond_the_quarter_that_makes_a_collection_due_waits_for_none)
{
    hello(1, "default");
    describe_program();
    put_collections(3);
    leak_until(VERDICT_LEAK, LEVEL, RATE, 700);
    ck_assert_uint_eq(process->full_collections, 3);
}
END_TEST

/* Live bytes and the allocations a second that they follow. */
static void run_loaded(unsigned seconds, double level, double rise_per_s, double load,
                       double load_per_s)
{
    static uint64_t count;

    for (unsigned i = 0; i < seconds; i++) {
        struct wire_totals totals = {.domain_count = 1};

        count += (uint64_t)(load + load_per_s * i);
        totals.domains[0] =
            (struct wire_domain_totals){.domain = WIRE_DOMAIN_NATIVE,
                                        .method = WIRE_METHOD_EXACT,
                                        .live_bytes = (uint64_t)(level + rise_per_s * i),
                                        .alloc_bytes = 1,
                                        .alloc_count = count};
        ck_assert_int_eq(store_put_totals(store, process, &totals, mono(), wall()), 0);
        put_rss(level + rise_per_s * i);
        tick();
    }
}

START_TEST(what_the_allocations_a_second_explain_is_only_suspect)
{
    hello(1, "default");
    run_loaded(600, LEVEL, 0, 1000, 0);
    run_loaded(1200, LEVEL, RATE / 2, 1000, 1);
    ck_assert_int_eq(process->verdict, VERDICT_SUSPECT);
    ck_assert(process->fit.explained_by_load);
    ck_assert_ptr_nonnull(strstr(process->summary, "the allocations a second rise too"));
    ck_assert_uint_eq(opened, 0);
}
END_TEST

START_TEST(a_leak_at_a_constant_load_is_found)
{
    hello(1, "default");
    run_loaded(600, LEVEL, 0, 1000, 0);
    run_loaded(1200, LEVEL, RATE / 2, 1000, 0);
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
}
END_TEST

START_TEST(time_to_the_limit_is_that_of_the_room_which_others_leave)
{
    write_file("meminfo", "MemTotal:       2097152 kB\nMemAvailable:    1048576 kB\n");
    hello(1, "default");
    leak_until(VERDICT_LEAK, LEVEL, RATE, 700);
    ck_assert(process->time_to_limit.known);
    ck_assert(fabs(process->time_to_limit.estimate_s - 1024 * MIB / RATE) < 100);
    ck_assert_str_eq(process->limit_source, "host");
}
END_TEST

SUITE_MAIN_FIXTURE("watch_object", setup, teardown,
                   growth_at_sites_whose_oldest_objects_die_is_only_suspect,
                   growth_at_sites_whose_oldest_objects_live_on_is_a_leak,
                   a_near_limit_hears_no_objection, growth_before_a_full_collection_may_be_garbage,
                   growth_beyond_the_quarter_that_makes_a_collection_due_waits_for_none,
                   what_the_allocations_a_second_explain_is_only_suspect,
                   a_leak_at_a_constant_load_is_found,
                   time_to_the_limit_is_that_of_the_room_which_others_leave)
