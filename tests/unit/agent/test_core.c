/* SPDX-License-Identifier: MIT */
/* Sites, types and totals as the flush reads them, fed as the hooks feed them. */
#include "tests/unit/suite.h"

#include "agent/core/core.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/clock.h"
#include "agent/core/hot.h"
#include "agent/core/report.h"
#include "agent/core/site.h"
#include "agent/core/type.h"

static uint64_t blocks[64]; /* addresses to speak of; nothing lies there that is looked at */

static void set_up(void)
{
    ck_assert(core_start());
    thread_attach();
    core_set_native_method(WIRE_METHOD_EXACT);
    core_start_sampling(1);
}

static void allocate(unsigned i, size_t size)
{
    ck_assert(core_enter());
    if (hot_alloc(thread_self.slot, size))
        core_alloc_event(&blocks[2 * i], size, NULL);
    core_leave();
}

static void release(unsigned i, size_t size)
{
    core_forget((uintptr_t)&blocks[2 * i]);
    hot_free(thread_self.slot, size);
}

static uint64_t live_bytes_of_sites(uint32_t *samples)
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

START_TEST(with_period_one_sites_hold_what_lives_to_the_byte)
{
    uint32_t samples;

    for (unsigned i = 0; i < 20; i++)
        allocate(i, 32 + 16 * i);
    for (unsigned i = 0; i < 20; i += 2)
        release(i, 32 + 16 * i);
    ck_assert_uint_eq(live_bytes_of_sites(&samples),
                      10 * 32 + 16 * (1 + 3 + 5 + 7 + 9 + 11 + 13 + 15 + 17 + 19));
    ck_assert_uint_eq(samples, 10);
    for (unsigned i = 1; i < 20; i += 2)
        release(i, 32 + 16 * i);
    ck_assert_uint_eq(live_bytes_of_sites(&samples), 0);
    ck_assert_uint_eq(samples, 0);
}
END_TEST

START_TEST(first_samples_are_said_to_cost_no_more_than_they_did)
{
    struct wire_health health;
    uint64_t start_ns = clock_fine_ns();

    for (unsigned i = 0; i < 8; i++)
        allocate(i, 100);
    core_read_health(&health);
    ck_assert_uint_eq(health.samples, 8);
    ck_assert_uint_gt(health.sample_ns_total, 0);
    ck_assert_uint_le(health.sample_ns_total, clock_fine_ns() - start_ns);
}
END_TEST

START_TEST(address_that_comes_back_without_a_free_replaces_its_sample)
{
    uint32_t samples;

    allocate(1, 100);
    allocate(1, 300);
    ck_assert_uint_eq(live_bytes_of_sites(&samples), 300);
    ck_assert_uint_eq(samples, 1);
}
END_TEST

START_TEST(totals_are_exact_and_a_child_starts_with_what_it_inherits)
{
    struct wire_domain_totals totals;

    allocate(1, 100);
    allocate(2, 50);
    release(1, 100);
    core_read_native_totals(&totals);
    ck_assert_uint_eq(totals.alloc_bytes, 150);
    ck_assert_uint_eq(totals.free_bytes, 100);
    ck_assert_uint_eq(totals.live_bytes, 50);
    ck_assert_uint_eq(totals.live_count, 1);
    core_forked();
    core_read_native_totals(&totals);
    ck_assert_uint_eq(totals.alloc_bytes, 50);
    ck_assert_uint_eq(totals.free_bytes, 0);
    ck_assert_uint_eq(totals.live_bytes, 50);
    release(2, 50);
    core_read_native_totals(&totals);
    ck_assert_uint_eq(totals.live_bytes, 0);
    ck_assert_uint_eq(totals.free_count, 1);
}
END_TEST

START_TEST(a_childs_sites_start_with_what_it_inherits)
{
    uint32_t samples;

    allocate(1, 100);
    allocate(2, 50);
    release(1, 100);
    site_rebase();
    ck_assert_uint_eq(live_bytes_of_sites(&samples), 50);
    release(2, 50);
    ck_assert_uint_eq(live_bytes_of_sites(&samples), 0);
}
END_TEST

START_TEST(the_slow_path_is_due_after_32_kib_at_first_and_after_256_at_most)
{
    struct thread_slot *slot = thread_self.slot;
    uint64_t visits = 0;

    core_set_period(UINT32_MAX);
    for (unsigned i = 0; i < 64; i++) {
        if (hot_alloc(slot, 16 * 1024)) {
            core_alloc_event(&blocks[0], 16 * 1024, NULL);
            visits++;
        }
    }
    /* 1 MiB of large blocks: at 0, 32, 96, 224, 480, 736 and 992 KiB. */
    ck_assert_uint_ge(visits, 5);
    ck_assert_uint_le(visits, 9);
    for (unsigned i = 0; i < 100000; i++) {
        if (hot_alloc(slot, 32))
            core_alloc_event(&blocks[0], 32, NULL);
    }
    ck_assert_uint_eq(thread_self.poll_bytes, HOT_POLL_BYTES_MIN);
    ck_assert_int_le(slot->alloc_left, (int64_t)tally_limit(HOT_POLL_BYTES_MIN));
}
END_TEST

START_TEST(a_filling_that_is_never_ended_is_given_up_after_64_others)
{
    struct thread_slot *slot = thread_self.slot;

    slot->begun++; /* and a siglongjmp, or just now: a signal handler may run inside of it */
    for (unsigned i = 0; i < 64; i++) {
        thread_alloc_due_in(slot, HOT_POLL_BYTES_MIN);
        ck_assert_uint_ne(slot->begun, slot->ended);
    }
    thread_alloc_due_in(slot, HOT_POLL_BYTES_MIN);
    ck_assert_uint_eq(slot->begun, slot->ended);
    thread_free_due_in(slot, HOT_POLL_BYTES_MIN);
    ck_assert_uint_eq(slot->begun, slot->ended);
}
END_TEST

#define WORKERS 8

static _Atomic bool is_over;
static unsigned operations; /* of each worker */

/* Blocks come and go, some of no whole granules. What it leaves behind is told. */
static void *work(void *number)
{
    uint64_t state = 88172645463325252u + (uintptr_t)number;
    uint64_t left = 0;

    thread_attach();
    for (unsigned i = 0; i < operations; i++) {
        size_t size = 8 * (1 + (state >> 40) % 500);

        state = state * 6364136223846793005u + 1442695040888963407u;
        if (hot_alloc(thread_self.slot, size))
            core_alloc_event(&blocks[0], size, NULL);
        if (state >> 63)
            left += size;
        else if (hot_free(thread_self.slot, size))
            core_free_event();
    }
    return (void *)(uintptr_t)left;
}

/* A thread that is stopped amid the filling of a tally is not waited for: so much may be missing.
 */
static void *read_on(void *unused)
{
    const uint64_t slack = WORKERS * HOT_POLL_BYTES_MAX;
    uint64_t steps_back = 0;
    struct thread_totals last = {0}, now;

    while (!atomic_load(&is_over)) {
        thread_sum(&now);
        steps_back +=
            now.alloc_bytes + slack < last.alloc_bytes || now.free_bytes + slack < last.free_bytes;
        last = now;
    }
    (void)unused;
    return (void *)(uintptr_t)steps_back;
}

START_TEST(totals_that_are_read_beside_eight_threads_go_up_and_are_exact_at_the_end)
{
    const char *is_long = getenv("LEAKD_LONG");
    pthread_t reader, workers[WORKERS];
    struct thread_totals before, after;
    uint64_t left = 0;
    void *result;

    operations = is_long && is_long[0] == '1' ? 1250000 : 50000;
    core_set_period(UINT32_MAX);
    thread_sum(&before);
    pthread_create(&reader, NULL, read_on, NULL);
    for (uintptr_t i = 0; i < WORKERS; i++)
        pthread_create(&workers[i], NULL, work, (void *)i);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(workers[i], &result);
        left += (uintptr_t)result;
    }
    atomic_store(&is_over, true);
    pthread_join(reader, &result);
    ck_assert_ptr_null(result);
    thread_sum(&after);
    ck_assert_uint_eq(after.alloc_count - before.alloc_count, (uint64_t)WORKERS * operations);
    ck_assert_uint_eq(
        after.alloc_bytes - after.free_bytes - (before.alloc_bytes - before.free_bytes), left);
}
END_TEST

START_TEST(the_closed_gate_lets_no_block_through_and_the_open_one_all_but_null)
{
    ck_assert(!hot_is_counted(&blocks[0]));
    ck_assert(hot_must_look(&blocks[0]));
    hot_open();
    ck_assert(hot_is_counted(&blocks[0]));
    ck_assert(!hot_is_counted(NULL));
    ck_assert(hot_must_look(NULL));
    ck_assert(!hot_must_look(&blocks[0]));
    allocate(0, 64);
    ck_assert(hot_must_look(&blocks[0]));
}
END_TEST

static void name_type(const struct core_live *live, void *type_id)
{
    core_live_set_type(live, *(uint32_t *)type_id);
}

static struct wire_type_totals type_totals(uint32_t name_id)
{
    struct wire_type_totals totals = {0};

    for (uint32_t place = 0; place < TYPE_PLACES; place++) {
        type_read(place, &totals);
        if (totals.name_id == name_id)
            return totals;
    }
    return (struct wire_type_totals){0};
}

START_TEST(types_follow_their_samples)
{
    uint32_t type_id = core_intern("app.Session", 11);

    allocate(1, 100);
    allocate(2, 200);
    ck_assert_uint_eq(core_live_each_untyped(WIRE_DOMAIN_PYTHON, 10, name_type, &type_id), 0);
    ck_assert_uint_eq(core_live_each_untyped(WIRE_DOMAIN_NATIVE, 10, name_type, &type_id), 2);
    ck_assert_uint_eq(core_live_each_untyped(WIRE_DOMAIN_NATIVE, 10, name_type, &type_id), 0);
    ck_assert_uint_eq(type_totals(type_id).live_bytes, 300);
    ck_assert_uint_eq(type_totals(type_id).live_count, 2);
    release(2, 200);
    ck_assert_uint_eq(type_totals(type_id).live_bytes, 100);
    ck_assert_uint_eq(type_totals(type_id).live_samples, 1);
}
END_TEST

START_TEST(unknown_types_are_not_asked_again_and_counted_nowhere)
{
    uint32_t type_id = CORE_TYPE_UNKNOWN;

    allocate(1, 100);
    ck_assert_uint_eq(core_live_each_untyped(WIRE_DOMAIN_NATIVE, 10, name_type, &type_id), 1);
    ck_assert_uint_eq(core_live_each_untyped(WIRE_DOMAIN_NATIVE, 10, name_type, &type_id), 0);
    release(1, 100);
    ck_assert_uint_eq(type_totals(0).live_bytes, 0);
}
END_TEST

START_TEST(full_table_raises_the_period_and_room_lets_it_fall_back)
{
    static uint64_t many[LIVE_SAMPLES_MAX + 2000][2];
    struct wire_health health;

    for (unsigned i = 0; i < LIVE_SAMPLES_MAX + 2000; i++)
        core_sample(WIRE_DOMAIN_NATIVE, many[i], 16, 16);
    core_read_health(&health);
    ck_assert_uint_gt(health.dropped_samples, 1000);
    ck_assert_uint_gt(core_sample_period_bytes(), 1);
    for (unsigned i = 0; i < LIVE_SAMPLES_MAX + 2000; i++)
        core_forget((uintptr_t)many[i]);
    for (int i = 0; i < 64; i++)
        core_relax_period();
    ck_assert_uint_eq(core_sample_period_bytes(), 1);
}
END_TEST

static ATTR_NOINLINE bool enter_deeper(void)
{
    volatile bool entered = core_enter(); /* volatile: a call, not a jump */

    return entered;
}

START_TEST(entering_twice_is_refused_and_a_stale_mark_is_not_for_ever)
{
    int tries = 1;

    ck_assert(core_enter());
    ck_assert(!enter_deeper());
    while (!enter_deeper()) /* as after a siglongjmp: nobody will leave */
        ck_assert_int_lt(tries++, 100);
    core_leave();
    ck_assert(core_enter());
}
END_TEST

START_TEST(names_are_numbered_by_content)
{
    struct wire_str name;
    uint32_t id = core_intern("store", 5);

    ck_assert_uint_eq(core_intern("store", 5), id);
    core_name(id, &name);
    ck_assert_uint_eq(name.len, 5);
    ck_assert_mem_eq(name.data, "store", 5);
}
END_TEST

START_TEST(the_tables_take_no_more_than_the_readme_says)
{
    ck_assert_uint_gt(core_memory_bytes(), 2u << 20);
    ck_assert_uint_le(core_memory_bytes(), 4520u << 10);
}
END_TEST

SUITE_MAIN_FIXTURE("core", set_up, NULL,
                   the_slow_path_is_due_after_32_kib_at_first_and_after_256_at_most,
                   a_filling_that_is_never_ended_is_given_up_after_64_others,
                   totals_that_are_read_beside_eight_threads_go_up_and_are_exact_at_the_end,
                   the_closed_gate_lets_no_block_through_and_the_open_one_all_but_null,
                   with_period_one_sites_hold_what_lives_to_the_byte,
                   first_samples_are_said_to_cost_no_more_than_they_did,
                   address_that_comes_back_without_a_free_replaces_its_sample,
                   totals_are_exact_and_a_child_starts_with_what_it_inherits,
                   a_childs_sites_start_with_what_it_inherits, types_follow_their_samples,
                   unknown_types_are_not_asked_again_and_counted_nowhere,
                   full_table_raises_the_period_and_room_lets_it_fall_back,
                   entering_twice_is_refused_and_a_stale_mark_is_not_for_ever,
                   names_are_numbered_by_content, the_tables_take_no_more_than_the_readme_says)
