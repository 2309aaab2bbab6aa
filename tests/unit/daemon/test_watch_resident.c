/* SPDX-License-Identifier: MIT */
/* Resident memory that live bytes do not account for: whose it is. */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/watch_fixture.h"

/* Live bytes of malloc, and what the program has mapped for itself. */
static void put_domains(double allocated, double mapped)
{
    struct wire_totals totals = {.domain_count = 2};

    totals.domains[0] = (struct wire_domain_totals){.domain = WIRE_DOMAIN_NATIVE,
                                                    .method = WIRE_METHOD_EXACT,
                                                    .live_bytes = (uint64_t)allocated};
    totals.domains[1] = (struct wire_domain_totals){.domain = WIRE_DOMAIN_MMAP,
                                                    .method = WIRE_METHOD_EXACT,
                                                    .live_bytes = (uint64_t)mapped};
    ck_assert_int_eq(store_put_totals(store, process, &totals, mono(), wall()), 0);
}

static void run(unsigned seconds, double allocated, double mapped, double resident)
{
    for (unsigned i = 0; i < seconds; i++) {
        put_domains(allocated, mapped);
        put_rss(resident + RATE * (double)second);
        tick();
    }
}

START_TEST(memory_that_was_mapped_before_and_comes_into_use_tells_nobody)
{
    hello(1, "default");
    run(3000, 8 * MIB, 440 * MIB, 60 * MIB);
    ck_assert_int_eq(process->verdict, VERDICT_SUSPECT);
    ck_assert_ptr_nonnull(
        strstr(process->summary, "it may be memory that was mapped before and comes into use"));
    ck_assert_uint_eq(opened, 0);
}
END_TEST

START_TEST(mapped_memory_that_does_not_fit_below_the_limit_is_told_of_before_it_is_reached)
{
    write_file("meminfo", "MemTotal:       262144 kB\n");
    hello(1, "default");
    run(900, 8 * MIB, 440 * MIB, 60 * MIB);
    ck_assert_int_eq(process->verdict, VERDICT_SUSPECT);
    run(700, 8 * MIB, 440 * MIB, 60 * MIB);
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert_ptr_nonnull(strstr(process->summary, "all that is mapped does not fit below the limit"));
    ck_assert_uint_eq(opened, 1);
    ck_assert(process->time_to_limit.estimate_s > 600);
    write_file("meminfo", "MemTotal:       8388608 kB\n");
    run(30, 8 * MIB, 440 * MIB, 60 * MIB);
    ck_assert_int_ne(process->verdict, VERDICT_LEAK); /* it fits now */
}
END_TEST

START_TEST(growth_beyond_what_allocators_gave_out_is_no_fragmentation)
{
    hello(1, "default");
    describe_program();
    run(900, 5 * MIB, 0, 60 * MIB);
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert(process->fit_is_rss);
    ck_assert_int_eq(process->growth_in, GROWTH_IN_ELSEWHERE);
    ck_assert_ptr_nonnull(
        strstr(process->summary, "outside of the 5 MiB that allocators gave out"));
    ck_assert_uint_eq(opened, 1);
    ck_assert_uint_eq(notice_count, 1);
    ck_assert_uint_eq(query_incident_at(store, 0)->site_count, 0);
}
END_TEST

START_TEST(files_that_are_read_into_mapped_memory_are_no_growth_of_the_program)
{
    hello(1, "default");
    for (unsigned i = 0; i < 3000; i++) {
        char status[64];

        snprintf(status, sizeof(status), "Name: x\nRssFile:\t%u kB\n", 20480 + 1024 * i);
        write_file("42/status", status);
        shared_bytes = MIB * (20 + i);
        put_domains(20 * MIB, 0);
        put_rss(60 * MIB + MIB * i);
        tick();
    }
    ck_assert_int_eq(process->verdict, VERDICT_OK);
}
END_TEST

START_TEST(an_alarm_keeps_its_name_while_its_figures_move)
{
    hello(1, "default");
    run(900, 128 * MIB, 0, 160 * MIB);
    ck_assert_int_eq(process->verdict, VERDICT_FRAGMENTATION);
    run(1200, 128 * MIB, 0, 160 * MIB); /* by now more has grown than malloc gave out */
    ck_assert_int_eq(process->verdict, VERDICT_FRAGMENTATION);
    run(60, 128 * MIB, 900 * MIB, 160 * MIB);
    ck_assert_int_eq(process->verdict, VERDICT_FRAGMENTATION);
    ck_assert_uint_eq(opened, 1);
}
END_TEST

START_TEST(live_bytes_that_climb_for_a_while_end_no_alarm_about_resident_memory)
{
    hello(1, "default");
    for (unsigned i = 0; i < 8000; i++) {
        double climbed = i < 4000 ? 0 : 129 * MIB * (i < 4900 ? (i - 4000) / 900.0 : 1);

        put_domains(200 * MIB + climbed, 0);
        put_rss(260 * MIB + climbed + RATE * (double)second);
        tick();
        ck_assert_uint_eq(resolved, 0);
    }
    ck_assert_int_eq(process->verdict, VERDICT_FRAGMENTATION);
    ck_assert_uint_eq(opened, 1);
}
END_TEST

/* Live bytes leak 2 % of what is resident: their line explains nothing. */
START_TEST(a_small_leak_of_live_bytes_does_not_hide_that_resident_memory_grows)
{
    hello(1, "default");
    for (unsigned i = 0; i < 1500; i++) {
        put_domains(20 * MIB + RATE / 2 * (double)second, 0);
        put_rss(80 * MIB + 25 * RATE * (double)second);
        tick();
    }
    ck_assert(process->verdict == VERDICT_LEAK || process->verdict == VERDICT_FRAGMENTATION);
    ck_assert(process->fit_is_rss);
    ck_assert(process->growth.estimate > 20 * RATE);
}
END_TEST

START_TEST(a_leak_of_live_bytes_over_which_an_allocator_keeps_as_much_again_is_told_by_its_line)
{
    hello(1, "default");
    for (unsigned i = 0; i < 1500; i++) {
        put_domains(64 * MIB + RATE * (double)second, 0);
        put_rss(80 * MIB + 2 * RATE * (double)second);
        tick();
    }
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert(!process->fit_is_rss);
    ck_assert_int_eq(process->growth_in, GROWTH_IN_ALLOCATIONS);
}
END_TEST

START_TEST(a_leak_of_live_bytes_takes_an_alarm_about_resident_memory_over_in_time)
{
    hello(1, "default");
    for (unsigned i = 0; i < 9000; i++) {
        double leaked = 1.5 * RATE * fmax(0, i - 2000.0);

        put_domains(200 * MIB + leaked, 0);
        put_rss(260 * MIB + leaked + RATE * (double)second);
        tick();
        ck_assert(i != 1900 || process->verdict == VERDICT_FRAGMENTATION);
    }
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert_int_eq(process->growth_in, GROWTH_IN_ALLOCATIONS);
}
END_TEST

SUITE_MAIN_FIXTURE("watch_resident", setup, teardown,
                   memory_that_was_mapped_before_and_comes_into_use_tells_nobody,
                   mapped_memory_that_does_not_fit_below_the_limit_is_told_of_before_it_is_reached,
                   growth_beyond_what_allocators_gave_out_is_no_fragmentation,
                   files_that_are_read_into_mapped_memory_are_no_growth_of_the_program,
                   an_alarm_keeps_its_name_while_its_figures_move,
                   live_bytes_that_climb_for_a_while_end_no_alarm_about_resident_memory,
                   a_small_leak_of_live_bytes_does_not_hide_that_resident_memory_grows,
                   a_leak_of_live_bytes_over_which_an_allocator_keeps_as_much_again_is_told_by_its_line,
                   a_leak_of_live_bytes_takes_an_alarm_about_resident_memory_over_in_time)
