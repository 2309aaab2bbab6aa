/* SPDX-License-Identifier: MIT */
/* When a snapshot is ordered because the program asks for one, or an incident does. */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/watch_fixture.h"

#include "daemon/store/snapshot.h"

#define LEVEL_BYTES (50 * MIB)

static void begin(uint32_t more_capabilities)
{
    hello(1, "default");
    process->capabilities |= more_capabilities;
}

static void run(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++)
        run_second(LEVEL_BYTES, LEVEL_BYTES, 0);
}

/* Told at the beginning of this second, or so long before. */
static void wish(uint64_t told_ms, uint32_t age_ms)
{
    const struct wire_mark mark = {.time_ms = told_ms,
                                   .text = str("asked for by the program"),
                                   .kind = WIRE_MARK_SNAPSHOT,
                                   .age_ms = age_ms};

    ck_assert_int_eq(store_put_mark(store, process, &mark, wall()), 0);
}

static void end_snapshot(void)
{
    store_fail_snapshot(process, process->snapshots[process->snapshot_count - 1], "for the test",
                        wall());
}

START_TEST(a_program_that_asks_for_a_snapshot_gets_one)
{
    begin(WIRE_CAP_SNAPSHOT);
    run(5);
    ck_assert_uint_eq(snapshots_ordered, 0);
    wish(100, 0);
    run(1);
    ck_assert_uint_eq(snapshots_ordered, 1);
    ck_assert_uint_eq(snapshot_type_count, 0);
    end_snapshot();
    wish(100, 1000); /* said again after a reconnect */
    run(700);
    ck_assert_uint_eq(snapshots_ordered, 1);
}
END_TEST

START_TEST(a_program_that_asks_all_the_time_gets_one_in_ten_minutes)
{
    begin(WIRE_CAP_SNAPSHOT);
    for (unsigned i = 0; i < 1199; i++) {
        wish(100 + i, 0);
        run(1);
        if (process->snapshot_count > 0)
            end_snapshot();
    }
    ck_assert_uint_eq(snapshots_ordered, 2);
}
END_TEST

START_TEST(a_wish_waits_for_the_snapshot_that_is_under_way_but_no_longer_than_a_minute)
{
    uint32_t number;

    begin(WIRE_CAP_SNAPSHOT);
    run(5);
    ck_assert_int_eq(on_snapshot(NULL, process, NULL, 0, &number), 0);
    wish(100, 0);
    run(30);
    ck_assert_uint_eq(snapshots_ordered, 1);
    end_snapshot();
    run(1);
    ck_assert_uint_eq(snapshots_ordered, 2);
    end_snapshot();
    run(600);
    wish(200, 61000);
    run(5);
    ck_assert_uint_eq(snapshots_ordered, 2);
}
END_TEST

START_TEST(who_cannot_be_looked_into_asks_in_vain)
{
    begin(0);
    run(5);
    wish(100, 0);
    run(5);
    ck_assert_uint_eq(snapshots_ordered, 0);
}
END_TEST

START_TEST(an_incident_waits_for_the_snapshot_that_is_under_way)
{
    uint32_t number;
    double leaked = 0;

    begin(WIRE_CAP_SNAPSHOT);
    describe_program();
    while (opened == 0 && second < 3000) {
        leaked += 4 * RATE;
        run_second(LEVEL_BYTES + leaked, LEVEL_BYTES + leaked, leaked);
    }
    ck_assert_uint_eq(opened, 1);
    ck_assert_uint_eq(snapshots_ordered, 0);
    ck_assert_int_eq(on_snapshot(NULL, process, NULL, 0, &number), 0);
    for (unsigned i = 0; i < 20; i++, leaked += 4 * RATE)
        run_second(LEVEL_BYTES + leaked, LEVEL_BYTES + leaked, leaked);
    ck_assert_uint_eq(snapshots_ordered, 1);
    end_snapshot();
    run_second(LEVEL_BYTES + leaked, LEVEL_BYTES + leaked, leaked);
    ck_assert_uint_eq(snapshots_ordered, 2);
}
END_TEST

SUITE_MAIN_FIXTURE("watch_keeper", setup, teardown, a_program_that_asks_for_a_snapshot_gets_one,
                   a_program_that_asks_all_the_time_gets_one_in_ten_minutes,
                   a_wish_waits_for_the_snapshot_that_is_under_way_but_no_longer_than_a_minute,
                   who_cannot_be_looked_into_asks_in_vain,
                   an_incident_waits_for_the_snapshot_that_is_under_way)
