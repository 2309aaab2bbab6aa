/* SPDX-License-Identifier: MIT */
/* A Java heap: what is mapped for it is not what lives, and what lives is known once it was collected. */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/watch_fixture.h"

#define COMMITTED (400 * MIB)
#define HEAP_MAX  (512 * MIB)
#define NATIVE    (10 * MIB)

static struct wire_heap heap;

/* One second in which heap and malloc hold so much; a young collection every five. */
static void run_second_resident(double used, double native, double resident)
{
    struct wire_totals totals = {.domain_count = 2};

    heap.used_bytes = (uint64_t)used;
    heap.committed_bytes = (uint64_t)COMMITTED;
    heap.max_bytes = (uint64_t)HEAP_MAX;
    heap.young_collections += second % 5 == 0;
    totals.domains[0] = (struct wire_domain_totals){.domain = WIRE_DOMAIN_NATIVE,
                                                    .method = WIRE_METHOD_EXACT,
                                                    .live_bytes = (uint64_t)native};
    totals.domains[1] = (struct wire_domain_totals){.domain = WIRE_DOMAIN_MMAP,
                                                    .method = WIRE_METHOD_EXACT,
                                                    .live_bytes = (uint64_t)(COMMITTED + 4 * MIB)};
    ck_assert_int_eq(store_put_heap(store, process, &heap), 0);
    ck_assert_int_eq(store_put_totals(store, process, &totals, mono(), wall()), 0);
    put_rss(resident);
    tick();
}

static void run_second_of_both(double used, double native)
{
    run_second_resident(used, native, 110 * MIB + native + used);
}

static void run_second_of_heap(double used)
{
    run_second_of_both(used, NATIVE);
}

static void grow(unsigned seconds, double level, uint64_t since)
{
    for (unsigned i = 0; i < seconds; i++)
        run_second_of_heap(level + RATE * (double)(second - since));
}

static void start(void)
{
    setup();
    memset(&heap, 0, sizeof(heap));
    hello(1, "default");
}

START_TEST(what_lives_is_what_the_last_collection_left_and_not_what_is_mapped)
{
    run_second_of_heap(30 * MIB);
    ck_assert_uint_eq(process->live_bytes, (uint64_t)(NATIVE + 4 * MIB + 30 * MIB));
    ck_assert_uint_eq(process->held_bytes, (uint64_t)(NATIVE + 4 * MIB + COMMITTED));
}
END_TEST

START_TEST(a_heap_that_claims_anything_makes_no_live_bytes_wrap)
{
    heap.used_bytes = UINT64_MAX;
    ck_assert_int_eq(store_put_heap(store, process, &heap), 0);
    put_live(NATIVE);
    ck_assert_uint_eq(process->live_bytes, UINT64_MAX);
    heap.used_bytes = 0;
    heap.committed_bytes = UINT64_MAX;
    ck_assert_int_eq(store_put_heap(store, process, &heap), 0);
    put_live(NATIVE);
    ck_assert_uint_eq(process->live_bytes, (uint64_t)NATIVE);
}
END_TEST

START_TEST(growth_of_the_heap_that_no_collection_has_looked_through_is_only_suspect)
{
    grow(3000, 30 * MIB, 0);
    ck_assert_int_eq(process->verdict, VERDICT_SUSPECT);
    ck_assert_int_eq(process->growth_in, GROWTH_IN_JAVA_HEAP);
    ck_assert_ptr_nonnull(strstr(process->summary, "in the Java heap, but no full garbage collection"));
    ck_assert_uint_eq(opened, 0);
}
END_TEST

START_TEST(garbage_that_a_full_collection_takes_is_no_leak_before_or_after)
{
    for (unsigned i = 0; i < 6; i++) {
        grow(1500, 30 * MIB, second);
        heap.full_collections++;
        for (unsigned k = 0; k < 20; k++)
            run_second_of_heap(30 * MIB);
    }
    ck_assert_uint_eq(opened, 0);
    ck_assert_int_ne(process->verdict, VERDICT_LEAK);
}
END_TEST

START_TEST(what_full_collections_leave_is_a_leak_and_ends_at_the_heaps_own_maximum)
{
    for (unsigned i = 0; i < 1200; i++) {
        heap.full_collections += i % 200 == 199;
        run_second_of_heap(30 * MIB + RATE * (double)second);
    }
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert_int_eq(process->growth_in, GROWTH_IN_JAVA_HEAP);
    ck_assert_uint_eq(notice_count, 1);
    ck_assert_uint_eq(query_incident_at(store, 0)->site_count, 0);
    ck_assert(process->ends_in_heap);
    ck_assert_str_eq(process->limit_source, "host"); /* that is not forgotten */
    ck_assert(process->time_to_limit.known);
    ck_assert(fabs(process->time_to_limit.estimate_s - (HEAP_MAX - 30 * MIB - RATE * 1200) / RATE) < 300);
    ck_assert_ptr_nonnull(strstr(process->summary, "reaches the heap's maximum (512 MiB) in "));
}
END_TEST

/* So do leaks of a heap end: it is full, and nothing but collected. */
START_TEST(full_collections_that_follow_each_other_closely_are_no_shelter)
{
    for (unsigned i = 0; i < 1200; i++) {
        heap.full_collections += i % 7 == 0;
        run_second_of_heap(30 * MIB + RATE * (double)second);
    }
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
}
END_TEST

START_TEST(what_a_cycle_found_is_swept_by_the_young_collections_after_it)
{
    grow(800, 30 * MIB, 0);
    heap.cycle_pauses += 2;
    grow(800, 30 * MIB, 0);
    ck_assert_int_eq(process->verdict, VERDICT_SUSPECT); /* one sweep tells what lived then */
    heap.cycle_pauses += 2;
    grow(40, 30 * MIB, 0); /* eight young collections: not all of it is swept yet */
    ck_assert_int_eq(process->verdict, VERDICT_SUSPECT);
    grow(30, 30 * MIB, 0);
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
}
END_TEST

START_TEST(cycles_that_follow_each_other_closely_are_swept_all_the_same)
{
    for (unsigned i = 0; i < 1800; i++) {
        heap.cycle_pauses += i % 10 == 0;
        run_second_of_heap(30 * MIB + RATE * (double)second);
    }
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
}
END_TEST

START_TEST(counts_that_went_backwards_are_counted_from_there)
{
    grow(60, 30 * MIB, 0);
    heap.young_collections = 100000;
    heap.cycle_pauses = 2;
    grow(1, 30 * MIB, 0);
    heap.young_collections = heap.cycle_pauses = 0;
    for (unsigned i = 0; i < 1800; i++) {
        heap.cycle_pauses += i % 10 == 0;
        run_second_of_heap(30 * MIB + RATE * (double)second);
    }
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
}
END_TEST

/* It grows while it warms up; what a collection takes of that is more than half, and then it stays. */
START_TEST(a_warm_up_that_a_collection_halves_is_no_leak)
{
    for (unsigned i = 0; i < 9000; i++) {
        bool is_warm = i >= 1500;

        heap.full_collections += i >= 1500 && i % 1500 == 0;
        run_second_of_heap(is_warm ? 180 * MIB + 60 * MIB * (i % 1500) / 1500
                                   : 30 * MIB + 370 * MIB * i / 1500);
    }
    ck_assert_uint_eq(opened, 0);
}
END_TEST

/* An ordinary container: all of the heap has been in use, little room is left, and garbage comes and
 * goes with full collections. */
START_TEST(garbage_in_a_heap_that_is_resident_already_hurries_nobody)
{
    write_file("meminfo", "MemTotal:       614400 kB\nMemAvailable:     65536 kB\n");
    for (unsigned i = 0; i < 9000; i++) {
        heap.full_collections += i % 3000 == 2999;
        run_second_resident(100 * MIB + 350 * MIB * (i % 3000) / 3000, NATIVE, 530 * MIB);
    }
    ck_assert_uint_eq(opened, 0);
}
END_TEST

START_TEST(a_leak_under_the_sawtooth_of_garbage_is_told_once_and_as_what_it_is)
{
    for (unsigned i = 0; i < 12000; i++) {
        heap.full_collections += i % 600 == 599;
        run_second_of_heap(40 * MIB + 20000.0 * i + 120 * MIB * (i % 600) / 600);
        ck_assert(opened == 0 || process->growth_in == GROWTH_IN_JAVA_HEAP);
    }
    ck_assert_uint_eq(opened, 1);
    ck_assert_uint_eq(resolved, 0);
}
END_TEST

START_TEST(a_limit_below_the_heaps_maximum_hears_no_objection)
{
    write_file("meminfo", "MemTotal:       262144 kB\n"); /* the machine ends before the heap does */
    grow(1600, 30 * MIB, 0);
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert(!process->ends_in_heap);
}
END_TEST

START_TEST(a_native_leak_of_a_java_program_waits_for_no_collection_and_is_not_hidden_by_garbage)
{
    for (unsigned i = 0; i < 1500; i++) {
        heap.full_collections += i % 300 == 299;
        run_second_of_both(30 * MIB + 150 * MIB * (i % 300) / 300, NATIVE + RATE * (double)second);
    }
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert_int_eq(process->growth_in, GROWTH_IN_ALLOCATIONS);
    ck_assert(fabs(process->growth.estimate - RATE) < 0.1 * RATE);
    ck_assert(!process->ends_in_heap);
}
END_TEST

START_TEST(a_small_native_leak_does_not_hide_a_larger_one_of_the_heap)
{
    for (unsigned i = 0; i < 4000; i++) {
        heap.full_collections += i % 200 == 199;
        run_second_of_both(30 * MIB + 0.9 * RATE * i, 40 * MIB + 0.05 * RATE * i);
    }
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert_int_eq(process->growth_in, GROWTH_IN_JAVA_HEAP);
    ck_assert(process->ends_in_heap);
}
END_TEST

START_TEST(an_alarm_about_native_memory_that_ends_becomes_none_about_garbage)
{
    for (unsigned i = 0; i < 4700; i++) { /* the collection would come at 4800 */
        double native = NATIVE + RATE * fmin(i, 1500);

        run_second_of_both(30 * MIB + 0.7 * RATE * i, native);
        ck_assert(process->verdict != VERDICT_LEAK || process->growth_in == GROWTH_IN_ALLOCATIONS);
    }
    ck_assert_uint_eq(opened, 1);
    ck_assert_uint_eq(resolved, 1);
}
END_TEST

START_TEST(a_native_leak_is_told_behind_one_of_the_heap_that_has_ended)
{
    for (unsigned i = 0; i < 9000; i++) {
        heap.full_collections += i % 100 == 99;
        run_second_of_both(30 * MIB + 0.2 * RATE * fmin(i, 3000), NATIVE + RATE * fmax(0, i - 2500.0));
    }
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert_int_eq(process->growth_in, GROWTH_IN_ALLOCATIONS);
    ck_assert(!process->ends_in_heap);
}
END_TEST

SUITE_MAIN_FIXTURE("watch_heap", start, teardown,
                   what_lives_is_what_the_last_collection_left_and_not_what_is_mapped,
                   a_heap_that_claims_anything_makes_no_live_bytes_wrap,
                   growth_of_the_heap_that_no_collection_has_looked_through_is_only_suspect,
                   garbage_that_a_full_collection_takes_is_no_leak_before_or_after,
                   what_full_collections_leave_is_a_leak_and_ends_at_the_heaps_own_maximum,
                   full_collections_that_follow_each_other_closely_are_no_shelter,
                   what_a_cycle_found_is_swept_by_the_young_collections_after_it,
                   cycles_that_follow_each_other_closely_are_swept_all_the_same,
                   counts_that_went_backwards_are_counted_from_there,
                   a_warm_up_that_a_collection_halves_is_no_leak,
                   garbage_in_a_heap_that_is_resident_already_hurries_nobody,
                   a_leak_under_the_sawtooth_of_garbage_is_told_once_and_as_what_it_is,
                   a_limit_below_the_heaps_maximum_hears_no_objection,
                   a_native_leak_of_a_java_program_waits_for_no_collection_and_is_not_hidden_by_garbage,
                   a_small_native_leak_does_not_hide_a_larger_one_of_the_heap,
                   an_alarm_about_native_memory_that_ends_becomes_none_about_garbage,
                   a_native_leak_is_told_behind_one_of_the_heap_that_has_ended)
