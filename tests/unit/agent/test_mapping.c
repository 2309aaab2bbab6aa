/* SPDX-License-Identifier: MIT */
/* The books of what a program maps, against a model that knows every page. Nothing is mapped:
 * addresses are only spoken of. */
#include "agent/core/mapping.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/core.h"
#include "agent/core/hot.h"
#include "agent/core/pages.h"
#include "agent/core/report.h"
#include "agent/core/site.h"
#include "tests/unit/suite.h"

#define BASE         ((uintptr_t)0x7e0000000000)
#define PAGE         ((size_t)PAGES_BYTES)
#define MIB          (UINT64_C(1) << 20)
#define GIB          (UINT64_C(1) << 30)
#define REGION_PAGES 2048 /* what has one word in the books when all of it is alike */
#define AREA_PAGES   (40 * REGION_PAGES)

static void set_up(void)
{
    ck_assert(core_start());
    thread_attach();
    mapping_open();
    core_start_sampling(1);
}

static uint64_t live_bytes(void)
{
    struct wire_domain_totals totals;

    mapping_read_totals(&totals);
    return totals.live_bytes;
}

static uint64_t live_pieces(void)
{
    struct wire_domain_totals totals;

    mapping_read_totals(&totals);
    return totals.live_count;
}

static uint64_t live_bytes_of_sites(uint64_t *samples)
{
    uint64_t sum = 0;

    *samples = 0;
    for (uint32_t id = 0; id <= site_count(); id++) {
        struct wire_site_totals totals;

        site_read(id, 0, &totals);
        sum += totals.alloc_bytes - totals.free_bytes;
        *samples += totals.live_samples;
    }
    return sum;
}

static void unmap(uintptr_t start, size_t bytes)
{
    struct mapping_leaving leaving;

    mapping_leave(&leaving, start, bytes);
    mapping_gone(&leaving);
}

static void ck_books(uint64_t bytes, uint64_t pieces)
{
    uint64_t samples;

    ck_assert_uint_eq(live_bytes(), bytes);
    ck_assert_uint_eq(live_pieces(), pieces);
    ck_assert_uint_eq(live_bytes_of_sites(&samples), bytes);
    ck_assert_uint_eq(samples, pieces);
}

/* ---- single facts --------------------------------------------------------------------------- */

START_TEST(a_mapping_is_counted_by_whole_pages_and_gone_when_it_is_unmapped)
{
    mapping_add(BASE, 100000);
    ck_books(25 * PAGE, 1);
    ck_assert(mapping_is_counted(BASE + 24 * PAGE));
    ck_assert(!mapping_is_counted(BASE + 25 * PAGE));
    unmap(BASE, 100000);
    ck_books(0, 0);
}
END_TEST

START_TEST(any_part_may_go_and_a_hole_makes_two_of_one)
{
    mapping_add(BASE, 100 * PAGE);
    unmap(BASE, 10 * PAGE);
    ck_books(90 * PAGE, 1);
    unmap(BASE + 90 * PAGE, 10 * PAGE);
    ck_books(80 * PAGE, 1);
    unmap(BASE + 40 * PAGE, 5 * PAGE);
    ck_books(75 * PAGE, 2);
    unmap(BASE + 20 * PAGE, 40 * PAGE);
    ck_books(40 * PAGE, 2);
    unmap(BASE, 100 * PAGE);
    ck_books(0, 0);
}
END_TEST

START_TEST(one_call_unmaps_several_and_what_was_never_seen)
{
    for (unsigned i = 0; i < 10; i++)
        mapping_add(BASE + 50 * i * PAGE, 20 * PAGE);
    unmap(BASE + 10 * PAGE, 450 * PAGE);
    ck_books(20 * PAGE, 2);
    unmap(BASE - 8 * GIB, 3 * GIB);
    unmap(BASE + 1, PAGE);
    unmap(BASE, 0);
    unmap(BASE, SIZE_MAX);
    unmap(BASE, SIZE_MAX - PAGE);
    unmap(BASE, SIZE_MAX / 2);
    unmap(UINT64_MAX - 2 * PAGE + 1, PAGE);
    ck_books(20 * PAGE, 2);
}
END_TEST

START_TEST(a_range_that_no_kernel_unmaps_does_not_touch_what_another_thread_unmaps)
{
    struct mapping_leaving leaving, hopeless;

    mapping_add(BASE + GIB, 64 * PAGE);
    mapping_leave(&leaving, BASE + GIB, 64 * PAGE);
    mapping_leave(&hopeless, BASE, SIZE_MAX / 2);
    mapping_stay(&hopeless);
    mapping_gone(&leaving);
    ck_books(0, 0);
}
END_TEST

START_TEST(what_could_not_be_unmapped_stays_with_its_samples)
{
    struct mapping_leaving leaving;

    for (unsigned i = 0; i < 4; i++)
        mapping_add(BASE + 30 * i * PAGE, 30 * PAGE);
    mapping_leave(&leaving, BASE, 115 * PAGE);
    ck_assert_uint_eq(live_bytes(), 120 * PAGE);
    mapping_stay(&leaving);
    ck_books(120 * PAGE, 4);
    unmap(BASE, 120 * PAGE);
    ck_books(0, 0);
}
END_TEST

START_TEST(a_range_that_was_about_to_go_when_its_thread_was_stopped_goes_the_next_time)
{
    struct mapping_leaving abandoned;

    mapping_add(BASE, 64 * PAGE);
    mapping_leave(&abandoned, BASE, 64 * PAGE); /* by a thread that a forked child does not have */
    ck_assert_uint_eq(live_bytes(), 64 * PAGE);
    unmap(BASE, 64 * PAGE);
    ck_assert_uint_eq(live_bytes(), 0);
    ck_assert_uint_eq(live_pieces(), 0);
}
END_TEST

START_TEST(a_range_that_comes_back_between_unmapping_and_its_entry_is_the_new_owners)
{
    struct mapping_leaving leaving;

    mapping_add(BASE, 64 * PAGE);
    mapping_leave(&leaving, BASE, 64 * PAGE);
    mapping_add(BASE + 16 * PAGE, 16 * PAGE); /* by another thread, as soon as the kernel has it */
    mapping_gone(&leaving);
    ck_books(16 * PAGE, 1);
}
END_TEST

START_TEST(who_gets_a_range_and_what_is_behind_it_has_one_piece)
{
    struct mapping_leaving leaving;

    mapping_add(BASE, 32 * PAGE);
    mapping_add(BASE + 32 * PAGE, 32 * PAGE);
    mapping_leave(&leaving, BASE, 32 * PAGE);
    unmap(BASE + 32 * PAGE, 32 * PAGE);
    mapping_add(BASE + 16 * PAGE, 48 * PAGE);
    mapping_gone(&leaving);
    ck_books(48 * PAGE, 1);
}
END_TEST

START_TEST(what_is_left_behind_a_hole_is_no_part_of_what_comes_into_the_hole)
{
    struct mapping_leaving leaving;

    mapping_add(BASE, 96 * PAGE);
    mapping_leave(&leaving, BASE + 32 * PAGE, 32 * PAGE);
    mapping_add(BASE + 48 * PAGE, 16 * PAGE);
    mapping_gone(&leaving);
    ck_books(80 * PAGE, 3);
    unmap(BASE + 48 * PAGE, 16 * PAGE);
    ck_books(64 * PAGE, 2);
}
END_TEST

START_TEST(what_was_unmapped_behind_our_back_is_gone_when_its_place_is_taken)
{
    mapping_add(BASE, 64 * PAGE);
    mapping_replace(BASE, 64 * PAGE);
    ck_books(0, 0);
    mapping_add(BASE, 64 * PAGE);
    mapping_add(BASE, 32 * PAGE);
    ck_assert_uint_eq(live_bytes(), 64 * PAGE);
    unmap(BASE, 64 * PAGE);
    ck_books(0, 0);
}
END_TEST

START_TEST(a_large_mapping_takes_little_and_is_exact_to_the_page)
{
    mapping_add(BASE + 3 * PAGE, 10 * GIB);
    ck_books(10 * GIB, 1);
    unmap(BASE + 5 * GIB, PAGE);
    ck_books(10 * GIB - PAGE, 2);
    unmap(BASE, 4 * GIB);
    ck_books(6 * GIB + 2 * PAGE, 2);
    unmap(BASE, 11 * GIB);
    ck_books(0, 0);
    ck_assert_uint_eq(mapping_dropped(), 0);
}
END_TEST

START_TEST(more_than_the_books_hold_is_not_counted_and_told)
{
    for (unsigned i = 0; i < 2500; i++)
        mapping_add(BASE + i * 8 * MIB, PAGE);
    ck_assert_uint_gt(mapping_dropped(), 0);
    ck_assert_uint_eq(live_bytes(), 2048 * PAGE);
    mapping_add(BASE - (UINT64_C(1) << 42), 200 * GIB);
    ck_assert_uint_lt(live_bytes(), 130 * GIB);
    unmap(BASE - (UINT64_C(1) << 42) + PAGE, 8 * MIB); /* no leaf for what is left of two regions */
    unmap(BASE - (UINT64_C(1) << 42), UINT64_C(1) << 43);
    ck_books(0, 0);
}
END_TEST

START_TEST(a_child_begins_with_what_it_inherits)
{
    struct wire_domain_totals totals;

    mapping_add(BASE, 50 * PAGE);
    mapping_add(BASE + MIB, 50 * PAGE);
    unmap(BASE, 50 * PAGE);
    core_forked();
    mapping_read_totals(&totals);
    ck_assert_uint_eq(totals.live_bytes, 50 * PAGE);
    ck_assert_uint_eq(totals.alloc_bytes, 50 * PAGE);
    ck_assert_uint_eq(totals.alloc_count, 1);
    ck_assert_uint_eq(totals.free_bytes, 0);
    ck_assert_uint_eq(totals.free_count, 0);
}
END_TEST

START_TEST(a_child_that_was_forked_amid_a_mappings_entry_has_no_negative_totals)
{
    struct wire_domain_totals totals;

    mapping_add(BASE, PAGE);
    unmap(BASE, PAGE);
    /* A thread that the child does not have was about to count this one as come. */
    pages_change(PAGES_PUT, BASE, 50 * PAGE, NULL, NULL);
    unmap(BASE, 50 * PAGE);
    for (int is_child = 0; is_child < 2; is_child++) {
        mapping_read_totals(&totals);
        ck_assert_uint_eq(totals.live_bytes, 0);
        ck_assert_uint_eq(totals.alloc_bytes, is_child ? 0 : 51 * PAGE);
        ck_assert_uint_eq(totals.free_bytes, is_child ? 0 : 51 * PAGE);
        ck_assert_uint_eq(totals.alloc_count, is_child ? 0 : 2);
        ck_assert_uint_eq(totals.free_count, is_child ? 0 : 2);
        core_forked();
    }
}
END_TEST

START_TEST(closed_books_say_nothing)
{
    struct wire_domain_totals totals;

    mapping_close();
    mapping_read_totals(&totals);
    ck_assert_uint_eq(totals.method, WIRE_METHOD_NONE);
}
END_TEST

START_TEST(a_block_of_malloc_where_a_mapping_was_keeps_its_sample)
{
    struct live_sample sample;

    mapping_add(BASE,
                16 * PAGE); /* unmapped by a system call of the program's own, then a heap's */
    ck_assert(core_enter());
    ck_assert(core_sample(WIRE_DOMAIN_NATIVE, (void *)BASE, 100, 100));
    core_leave();
    mapping_replace(BASE, 16 * PAGE);
    ck_assert(core_take(BASE, &sample));
    ck_assert_uint_eq(sample.domain, WIRE_DOMAIN_NATIVE);
}
END_TEST

START_TEST(sampled_bytes_are_near_the_exact_ones)
{
    const uint64_t period = 16 * MIB;
    uint64_t samples, sampled;
    double expected_sd;

    core_set_period(period);
    for (unsigned i = 0; i < 3000; i++)
        mapping_add(BASE + i * 2 * MIB, MIB);
    sampled = live_bytes_of_sites(&samples);
    expected_sd = 3000.0 * (double)MIB / 13.69; /* 187 hits are expected of 3000 */
    ck_assert_double_lt((double)sampled, 3000.0 * (double)MIB + 5 * expected_sd);
    ck_assert_double_gt((double)sampled, 3000.0 * (double)MIB - 5 * expected_sd);
    for (unsigned i = 0; i < 3000; i++)
        unmap(BASE + i * 2 * MIB, MIB);
    ck_assert_uint_eq(live_bytes_of_sites(&samples), 0);
    ck_assert_uint_eq(samples, 0);
}
END_TEST

/* ---- random operations ---------------------------------------------------------------------- */

/* Of each page the piece it belongs to, 0 = not mapped. */
static uint32_t model[AREA_PAGES];
static uint32_t next_piece;
static uint64_t state;

static uint64_t random_below(uint64_t n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 33) % n;
}

/* Small ones mostly, some of many regions, some that begin or end with a region. */
static void random_range(size_t *from, size_t *pages)
{
    *from = random_below(AREA_PAGES - 1);
    *pages = 1 + random_below(UINT64_C(1) << random_below(16));
    if (random_below(4) == 0)
        *from = *from / REGION_PAGES * REGION_PAGES;
    if (random_below(4) == 0)
        *pages = (*pages / REGION_PAGES + 1) * REGION_PAGES;
    if (*pages > AREA_PAGES - *from)
        *pages = AREA_PAGES - *from;
}

static void model_unmap(size_t from, size_t pages)
{
    size_t end = from + pages;

    if (end < AREA_PAGES && model[end] != 0 && model[end] == model[end - 1]) {
        uint32_t old = model[end];

        next_piece++;
        for (size_t i = end; i < AREA_PAGES && model[i] == old; i++)
            model[i] = next_piece;
    }
    memset(&model[from], 0, pages * sizeof(model[0]));
}

static void model_map(size_t from, size_t pages)
{
    model_unmap(from, pages);
    next_piece++;
    for (size_t i = from; i < from + pages; i++)
        model[i] = next_piece;
}

static uint64_t model_pieces(size_t from, size_t pages, uint64_t *mapped)
{
    uint64_t pieces = 0;

    *mapped = 0;
    for (size_t i = from; i < from + pages; i++) {
        *mapped += model[i] != 0;
        pieces += model[i] != 0 && (i == from || model[i] != model[i - 1]);
    }
    return pieces;
}

static void check_model(void)
{
    uint64_t mapped, pieces = model_pieces(0, AREA_PAGES, &mapped);

    ck_books(mapped * PAGE, pieces);
}

/* As mmap with MAP_FIXED. */
static void map_fixed(size_t from, size_t pages)
{
    unmap(BASE + from * PAGE, pages * PAGE);
    mapping_add(BASE + from * PAGE, pages * PAGE);
    model_map(from, pages);
}

static void unmap_or_fail(size_t from, size_t pages)
{
    struct mapping_leaving leaving;
    uint64_t mapped;
    bool fails = random_below(3) == 0 && model_pieces(from, pages, &mapped) <= MAPPING_KEPT_MAX;

    mapping_leave(&leaving, BASE + from * PAGE, pages * PAGE);
    if (fails) {
        mapping_stay(&leaving);
    } else {
        mapping_gone(&leaving);
        model_unmap(from, pages);
    }
}

/* Whether a piece has pages in both: a sample of it could not be followed then. */
static bool share_a_piece(size_t one, size_t other, size_t pages)
{
    size_t low = one < other ? one : other, high = one < other ? other : one;

    return model[high] != 0 && model[high] == model[low + pages - 1];
}

/* As mremap to a fixed place. */
static void move(size_t from, size_t pages)
{
    struct mapping_leaving old, there;
    size_t to = random_below(AREA_PAGES - pages + 1);
    bool counted = model[from] != 0;

    if ((to < from + pages && from < to + pages) || share_a_piece(from, to, pages))
        return;
    ck_assert(mapping_is_counted(BASE + from * PAGE) == counted);
    mapping_leave(&old, BASE + from * PAGE, pages * PAGE);
    mapping_leave(&there, BASE + to * PAGE, pages * PAGE);
    mapping_gone(&old);
    mapping_gone(&there);
    model_unmap(from, pages);
    model_unmap(to, pages);
    if (counted) {
        mapping_add(BASE + to * PAGE, pages * PAGE);
        model_map(to, pages);
    }
}

START_TEST(random_operations_leave_what_the_model_has)
{
    state = (uint64_t)_i + 1;
    for (unsigned i = 0; i < 4000; i++) {
        size_t from, pages;

        random_range(&from, &pages);
        switch (random_below(5)) {
        case 0:
        case 1:
            map_fixed(from, pages);
            break;
        case 2:
            move(from, pages);
            break;
        default:
            unmap_or_fail(from, pages);
        }
        if (i % 50 == 0)
            check_model();
    }
    check_model();
    unmap(BASE, AREA_PAGES * PAGE);
    ck_books(0, 0);
}
END_TEST

/* ---- threads -------------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  3000
#define PLACES  8
#define PLACE   ((size_t)(150 * PAGES_BYTES))

static _Atomic bool is_used[PLACES];

/* The kernel gives a place to the next thread as soon as it is unmapped. */
static void *map_and_unmap(void *arg)
{
    unsigned number = (unsigned)(uintptr_t)arg;

    thread_attach();
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned at = (number + i * 7) % PLACES;
        uintptr_t start = BASE + at * PLACE;
        struct mapping_leaving leaving;

        if (atomic_exchange(&is_used[at], true))
            continue;
        mapping_add(start, PLACE);
        if (i % 3 == 0)
            unmap(start + PLACE / 3, PLACE / 3 & ~(PAGE - 1));
        mapping_leave(&leaving, start, PLACE);
        atomic_store(&is_used[at], false);
        mapping_gone(&leaving);
    }
    return NULL;
}

/* All threads take away at the same mappings, each its own pages of them. */
static void *take_away(void *arg)
{
    unsigned number = (unsigned)(uintptr_t)arg;

    thread_attach();
    for (unsigned i = 0; i < AREA_PAGES / 5; i++) {
        if (i % THREADS == number)
            unmap(BASE + GIB + i * 5 * PAGE, 5 * PAGE);
    }
    return NULL;
}

static void run_threads(void *(*main)(void *))
{
    pthread_t threads[THREADS];

    for (uintptr_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, main, (void *)i), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

START_TEST(threads_that_get_each_others_ranges_leave_nothing_behind)
{
    run_threads(map_and_unmap);
    ck_books(0, 0);
}
END_TEST

START_TEST(threads_that_cut_one_mapping_leave_nothing_behind)
{
    uint64_t samples;

    mapping_add(BASE + GIB, AREA_PAGES * PAGE);
    run_threads(take_away);
    ck_assert_uint_eq(live_bytes(), 0);
    ck_assert_uint_eq(live_pieces(), 0);
    live_bytes_of_sites(&samples);
    ck_assert_uint_eq(samples, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mapping");
    TCase *tcase = tcase_create("mapping");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, set_up, NULL);
    tcase_add_test(tcase, a_mapping_is_counted_by_whole_pages_and_gone_when_it_is_unmapped);
    tcase_add_test(tcase, any_part_may_go_and_a_hole_makes_two_of_one);
    tcase_add_test(tcase, one_call_unmaps_several_and_what_was_never_seen);
    tcase_add_test(tcase, a_range_that_no_kernel_unmaps_does_not_touch_what_another_thread_unmaps);
    tcase_add_test(tcase, what_could_not_be_unmapped_stays_with_its_samples);
    tcase_add_test(tcase,
                   a_range_that_was_about_to_go_when_its_thread_was_stopped_goes_the_next_time);
    tcase_add_test(tcase,
                   a_range_that_comes_back_between_unmapping_and_its_entry_is_the_new_owners);
    tcase_add_test(tcase, who_gets_a_range_and_what_is_behind_it_has_one_piece);
    tcase_add_test(tcase, what_is_left_behind_a_hole_is_no_part_of_what_comes_into_the_hole);
    tcase_add_test(tcase, what_was_unmapped_behind_our_back_is_gone_when_its_place_is_taken);
    tcase_add_test(tcase, a_large_mapping_takes_little_and_is_exact_to_the_page);
    tcase_add_test(tcase, more_than_the_books_hold_is_not_counted_and_told);
    tcase_add_test(tcase, a_child_begins_with_what_it_inherits);
    tcase_add_test(tcase, a_child_that_was_forked_amid_a_mappings_entry_has_no_negative_totals);
    tcase_add_test(tcase, closed_books_say_nothing);
    tcase_add_test(tcase, a_block_of_malloc_where_a_mapping_was_keeps_its_sample);
    tcase_add_test(tcase, sampled_bytes_are_near_the_exact_ones);
    tcase_add_loop_test(tcase, random_operations_leave_what_the_model_has, 0, 6);
    tcase_add_test(tcase, threads_that_get_each_others_ranges_leave_nothing_behind);
    tcase_add_test(tcase, threads_that_cut_one_mapping_leave_nothing_behind);
    suite_add_tcase(suite, tcase);
    return suite_end(suite);
}
