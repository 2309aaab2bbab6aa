/* SPDX-License-Identifier: MIT */
/* Requests that wait for a run of the journal. */
#include "tests/unit/suite.h"

#include <errno.h>
#include <string.h>

#include "daemon/leakd_waiters.h"

static struct leakd_waiters waiters;
static char told[128];

static void set_up(void)
{
    memset(&waiters, 0, sizeof(waiters));
    told[0] = '\0';
}

static void on_settled(void *arg)
{
    strcat(told, arg);
}

static void add(uint64_t run, uint64_t now_ms, const char *name)
{
    ck_assert_int_eq(leakd_waiters_add(&waiters, run, now_ms, on_settled, (void *)(uintptr_t)name),
                     0);
}

START_TEST(each_is_told_once_when_its_run_has_ended)
{
    add(2, 0, "b");
    add(1, 0, "a");
    add(3, 0, "c");
    leakd_waiters_release(&waiters, 0, 1);
    ck_assert_str_eq(told, "");
    leakd_waiters_release(&waiters, 2, 1);
    ck_assert_str_eq(told, "ba");
    leakd_waiters_release(&waiters, 2, 1);
    ck_assert_str_eq(told, "ba");
    leakd_waiters_release(&waiters, UINT64_MAX, 1);
    ck_assert_str_eq(told, "bac");
    ck_assert_uint_eq(waiters.count, 0);
}
END_TEST

START_TEST(who_has_waited_long_enough_is_told_without_a_run)
{
    add(9, 1000, "a");
    add(9, 1001, "b");
    leakd_waiters_release(&waiters, 0, 1000 + LEAKD_WAIT_MAX_MS - 1);
    ck_assert_str_eq(told, "");
    leakd_waiters_release(&waiters, 0, 1000 + LEAKD_WAIT_MAX_MS);
    ck_assert_str_eq(told, "a");
}
END_TEST

START_TEST(more_than_so_many_do_not_wait)
{
    for (unsigned i = 0; i < LEAKD_WAITERS_MAX; i++)
        add(1, 0, "x");
    ck_assert_int_eq(leakd_waiters_add(&waiters, 1, 0, on_settled, NULL), -EBUSY);
    leakd_waiters_release(&waiters, 1, 0);
    ck_assert_uint_eq(strlen(told), LEAKD_WAITERS_MAX);
    add(1, 0, "y");
}
END_TEST

static void ask_again(void *arg)
{
    strcat(told, arg);
    add(5, 0, "again");
}

START_TEST(who_is_told_may_wait_anew)
{
    ck_assert_int_eq(leakd_waiters_add(&waiters, 1, 0, ask_again, (void *)(uintptr_t) "once "), 0);
    leakd_waiters_release(&waiters, 1, 0);
    ck_assert_str_eq(told, "once ");
    leakd_waiters_release(&waiters, 5, 0);
    ck_assert_str_eq(told, "once again");
}
END_TEST

SUITE_MAIN_FIXTURE("leakd_waiters", set_up, NULL, each_is_told_once_when_its_run_has_ended,
                   who_has_waited_long_enough_is_told_without_a_run, more_than_so_many_do_not_wait,
                   who_is_told_may_wait_anew)
