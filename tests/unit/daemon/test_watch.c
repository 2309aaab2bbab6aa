/* SPDX-License-Identifier: MIT */
/* Programs simulated through store and watch, second by second, in invented time; /proc is a folder
 * of the test's own. */
#include "daemon/watch/watch.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "daemon/base/log.h"

#define MIB   1048576.0
#define WALL0 1700000000000u

static char folder[64];
static struct store *store;
static struct watch *watch;
static struct process *process;
static uint64_t second;
static double python_live; /* what the simulated agent's sites say */
static double rss_bytes;
static int statm;

/* What flowed back. */
static unsigned zooms, calms, opened, updated, resolved;
static uint64_t zoom_period;
static bool zoom_python;
static unsigned notice_count;
static enum notice_event notice_events[16];
static enum conf_severity notice_severity;
static char notice_summary[600];
static char notice_culprit[64];
static uint64_t first_notice_second, opened_second;

static void on_zoom(void *arg, const struct process *p, uint64_t period_bytes, bool python)
{
    (void)arg;
    (void)p;
    zoom_period = period_bytes;
    zoom_python = python;
    if (python)
        zooms++;
    else
        calms++;
}

static void on_incident(void *arg, const struct incident *incident, enum watch_change change)
{
    (void)arg;
    (void)incident;
    opened += change == WATCH_INCIDENT_OPENED;
    updated += change == WATCH_INCIDENT_UPDATED;
    resolved += change == WATCH_INCIDENT_RESOLVED;
    if (change == WATCH_INCIDENT_OPENED)
        opened_second = second;
}

static int on_notice(void *arg, const struct notice *notice)
{
    (void)arg;
    if (notice_count == 0)
        first_notice_second = second;
    ck_assert_uint_lt(notice_count, 16);
    notice_events[notice_count++] = notice->event;
    notice_severity = notice->severity;
    snprintf(notice_summary, sizeof(notice_summary), "%s", notice->summary);
    if (notice->site_count > 0) {
        const struct notice_site *site = &notice->sites[0];

        ck_assert_uint_lt(site->culprit, site->frame_count);
        snprintf(notice_culprit, sizeof(notice_culprit), "%s",
                 site->frames[site->culprit].function);
    }
    return 0;
}

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void setup(void)
{
    struct store_limits limits = {.processes_max = 10, .exited_retention_ms = 60000};
    struct watch_hooks hooks = {
        .on_zoom = on_zoom, .on_incident = on_incident, .notify = on_notice};
    struct procfs fs = {folder, folder};
    char path[256];

    log_set_level(LOG_LEVEL_ERROR);
    strcpy(folder, "/tmp/leakd-watch-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/42", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    write_file("42/cgroup", "0::/\n");
    write_file("meminfo", "MemTotal:       2097152 kB\n");
    snprintf(path, sizeof(path), "%s/42/statm", folder);
    statm = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(statm, 0);
    ck_assert_int_eq(store_new(&limits, &store), 0);
    ck_assert_int_eq(watch_new(store, &fs, &hooks, &watch), 0);
}

static void teardown(void)
{
    char command[128];

    watch_free(watch);
    store_free(store);
    close(statm);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static uint64_t mono(void)
{
    return 1000000 + second * 1000;
}

static uint64_t wall(void)
{
    return WALL0 + second * 1000;
}

static struct wire_str str(const char *text)
{
    return (struct wire_str){text, strlen(text)};
}

static struct process *hello(uint64_t instance, const char *profile)
{
    struct process_identity identity = {.pid = 42, .start_ticks = 7, .instance = instance};
    struct wire_hello record = {.protocol = 1,
                                .instance = instance,
                                .sample_period_bytes = 524288,
                                .capabilities = WIRE_CAP_PYTHON | WIRE_CAP_ZOOM,
                                .exe = str("/usr/bin/python3"),
                                .runtime = str("cpython 3.11.2")};

    ck_assert_int_eq(store_hello(store, &identity, &record, detect_profile_find(profile), mono(),
                                 wall(), &process),
                     0);
    return process;
}

static void put_name(uint32_t id, const char *text)
{
    struct wire_name name = {id, str(text)};

    ck_assert_int_eq(store_put_name(store, process, &name), 0);
}

static void put_python_site(uint32_t id, uint32_t function, uint32_t file, uint32_t line)
{
    struct wire_site site = {.id = id, .domain = WIRE_DOMAIN_PYTHON, .frame_count = 1};

    site.frames[0] = (struct wire_stack_frame){
        .kind = WIRE_FRAME_PYTHON, .function_id = function, .file_id = file, .line = line};
    ck_assert_int_eq(store_put_site(store, process, &site), 0);
}

/* Sites: 1 leaks, 2 is steady, 3 churns. */
static void describe_program(void)
{
    put_name(1, "handle");
    put_name(2, "/srv/shop.py");
    put_name(3, "render");
    put_name(4, "/srv/page.py");
    put_name(5, "builtins.dict");
    put_name(6, "builtins.str");
    put_python_site(1, 1, 2, 42);
    put_python_site(2, 3, 4, 7);
    put_python_site(3, 3, 4, 9);
}

/* A small noise that repeats: -1 .. 1. */
static double noise(uint64_t i)
{
    uint64_t x = i * 0x9e3779b97f4a7c15u;

    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 32;
    return (double)(x & 0xffff) / 32767.5 - 1;
}

static void put_live(double live_bytes)
{
    struct wire_totals totals = {.domain_count = 1};

    totals.domains[0].domain = WIRE_DOMAIN_NATIVE;
    totals.domains[0].method = WIRE_METHOD_USABLE;
    totals.domains[0].live_bytes = (uint64_t)live_bytes;
    totals.domains[0].alloc_bytes = (uint64_t)live_bytes;
    ck_assert_int_eq(store_put_totals(store, process, &totals, mono(), wall()), 0);
}

static void put_site(uint32_t id, double live_bytes)
{
    struct wire_site_totals totals = {.site_id = id, .alloc_bytes = (uint64_t)live_bytes};

    ck_assert_int_eq(store_put_site_totals(store, process, &totals, mono()), 0);
}

static void put_type(uint32_t name_id, double live_bytes)
{
    struct wire_type_totals totals = {.name_id = name_id, .live_bytes = (uint64_t)live_bytes};

    ck_assert_int_eq(store_put_type_totals(store, process, &totals, mono()), 0);
}

/* What an agent that attributes would say of so much leaked since. */
static void put_attribution(double leaked)
{
    struct wire_health health = {.sample_period_bytes = zoom_period, .python_attributing = 1};

    if (zooms == calms)
        return;
    store_put_health(store, process, &health);
    put_site(1, leaked);
    put_site(2, 3 * MIB);
    put_site(3, 2 * MIB + MIB * noise(second));
    put_type(5, 0.9 * leaked);
    put_type(6, 4 * MIB);
}

static void put_rss(double bytes)
{
    char text[64];

    snprintf(text, sizeof(text), "99999 %12llu 0 0 0 0 0\n",
             (unsigned long long)(bytes / (double)sysconf(_SC_PAGESIZE)));
    /* In place: a file that is truncated and written anew every second would wait for the disk. */
    ck_assert_int_eq(pwrite(statm, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void tick(void)
{
    watch_tick(watch, mono(), wall());
    second++;
}

/* One second of a program with live bytes and what of them has leaked since it was attributed. */
static void run_second(double live_bytes, double rss, double leaked)
{
    put_live(live_bytes);
    put_attribution(leaked);
    put_rss(rss);
    tick();
}

/* Seconds until the verdict is reached, at a rate over a level; fails after max. */
static void leak_until(enum verdict verdict, double level, double rate, unsigned max)
{
    double start = NAN;

    for (unsigned i = 0; process->verdict != verdict; i++) {
        double live = level + rate * (double)second + 4096 * noise(second);

        ck_assert_uint_lt(i, max);
        if (zooms > calms && isnan(start))
            start = live;
        python_live = isnan(start) ? 0 : live - start;
        rss_bytes = live + 8 * MIB;
        run_second(live, rss_bytes, python_live);
    }
}

static void leak_on(double level, double rate, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        python_live += rate;
        run_second(level + rate * (double)second + 4096 * noise(second), rss_bytes += rate,
                   python_live);
    }
}

#define LEVEL (64 * MIB)
#define RATE  86220.8 /* 84.2 KiB/s */

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

/* ---- severity, ends ------------------------------------------------------------------------ */

START_TEST(a_limit_near_ahead_escalates_once)
{
    hello(1, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 15);
    ck_assert_int_eq(notice_severity, SEVERITY_WARNING);
    write_file("meminfo", "MemTotal:       262144 kB\n"); /* 256 MiB: less than an hour */
    leak_on(LEVEL, RATE, 30);
    ck_assert_uint_eq(notice_count, 2);
    ck_assert_int_eq(notice_events[1], NOTICE_ESCALATED);
    ck_assert_int_eq(notice_severity, SEVERITY_CRITICAL);
    ck_assert_str_eq(query_incident_at(store, 0)->severity, "critical");
}
END_TEST

static const struct incident *end_as(enum process_state state)
{
    second = 0;
    hello(1, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 15);
    store_set_state(store, process, state, mono(), wall());
    tick();
    tick();
    return query_incident_at(store, 0);
}

START_TEST(a_killed_process_leaves_a_readable_open_incident)
{
    const struct incident *incident = end_as(PROCESS_KILLED);

    ck_assert_int_eq(incident->state, INCIDENT_OPEN);
    ck_assert_int_eq(strncmp(incident->end, "killed at 2023-11-14 ", 21), 0);
    ck_assert_ptr_nonnull(strstr(incident->summary, "shop.py:42 handle()"));
    ck_assert_uint_eq(resolved, 0);
    second += 60 * 60;
    tick();
    ck_assert_uint_eq(query_incident_count(store), 1);
    second += 25 * 60 * 60; /* nobody looked for a day */
    tick();
    ck_assert_uint_eq(resolved, 1);
}
END_TEST

START_TEST(an_oom_kill_escalates_to_critical)
{
    const struct incident *incident = end_as(PROCESS_OOM_KILLED);

    ck_assert_int_eq(strncmp(incident->summary, "OOM-killed at ", 14), 0);
    ck_assert_uint_eq(notice_count, 2);
    ck_assert_int_eq(notice_events[1], NOTICE_ESCALATED);
    ck_assert_int_eq(notice_severity, SEVERITY_CRITICAL);
}
END_TEST

START_TEST(an_exit_resolves_with_its_end)
{
    const struct incident *incident = end_as(PROCESS_EXITED);

    ck_assert_int_eq(incident->state, INCIDENT_RESOLVED);
    ck_assert_int_eq(strncmp(incident->end, "exited at ", 10), 0);
    ck_assert_int_eq(notice_events[1], NOTICE_RESOLVED);
    ck_assert_uint_eq(resolved, 1);
}
END_TEST

START_TEST(a_new_start_of_the_program_is_a_new_incident_with_the_same_fingerprint)
{
    char fingerprint[17];

    strcpy(fingerprint, end_as(PROCESS_EXITED)->fingerprint);
    zooms = calms = 0;
    hello(2, "fast");
    ck_assert_str_eq(process->id, "42-7-2");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 15);
    ck_assert_uint_eq(opened, 2);
    ck_assert_str_eq(query_incident_at(store, 0)->fingerprint, fingerprint);
    ck_assert_str_ne(query_incident_at(store, 0)->id, query_incident_at(store, 1)->id);
}
END_TEST

START_TEST(a_lost_agent_keeps_its_alarm)
{
    hello(1, "fast");
    describe_program();
    leak_until(VERDICT_LEAK, LEVEL, RATE, 800);
    leak_on(LEVEL, RATE, 15);
    store_set_state(store, process, PROCESS_LOST, mono(), wall());
    for (int i = 0; i < 60; i++)
        tick();
    ck_assert_int_eq(process->verdict, VERDICT_LEAK);
    ck_assert_uint_eq(resolved, 0);
}
END_TEST

START_TEST(an_agent_that_does_not_obey_is_ordered_again)
{
    struct wire_health deaf = {.sample_period_bytes = 524288};

    hello(1, "fast");
    for (int i = 0; i < 35; i++) {
        put_live(LEVEL);
        store_put_health(store, process, &deaf);
        put_rss(100 * MIB);
        tick();
    }
    ck_assert_uint_eq(zooms, 4);
}
END_TEST

START_TEST(deliveries_are_kept_with_their_incident_one_row_a_notice)
{
    struct alert_delivery delivery = {.receiver = "ops",
                                      .event = "leak.incident.opened",
                                      .notice_id = "msg_1",
                                      .attempts = 1,
                                      .error = "refused"};
    const struct incident *incident = end_as(PROCESS_KILLED);

    delivery.incident_id = incident->id;
    watch_delivery(watch, &delivery, wall());
    delivery.attempts = 2;
    delivery.delivered = true;
    delivery.http_status = 200;
    delivery.error = "";
    watch_delivery(watch, &delivery, wall());
    ck_assert_uint_eq(incident->delivery_count, 1);
    ck_assert_uint_eq(incident->deliveries[0].attempts, 2);
    ck_assert(incident->deliveries[0].delivered);
    for (int i = 0; i < 30; i++) {
        char id[16];

        snprintf(id, sizeof(id), "msg_%d", i + 2);
        delivery.notice_id = id;
        watch_delivery(watch, &delivery, wall());
    }
    ck_assert_uint_eq(incident->delivery_count, INCIDENT_DELIVERIES_MAX);
    ck_assert_str_eq(incident->deliveries[INCIDENT_DELIVERIES_MAX - 1].notice_id, "msg_31");
    delivery.incident_id = "NONE";
    watch_delivery(watch, &delivery, wall());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch");
    TCase *tcase = tcase_create("watch");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_leak_becomes_an_incident_with_its_line_and_type);
    tcase_add_test(tcase, the_default_profile_zooms_at_suspicion_and_not_before);
    tcase_add_test(tcase, an_end_of_growth_resolves_tells_and_calms_the_agent);
    tcase_add_test(tcase, a_cache_that_fills_and_stops_is_no_incident);
    tcase_add_test(tcase, a_process_that_says_nothing_is_watched_as_constant);
    tcase_add_test(tcase, rss_decides_where_there_are_no_live_bytes);
    tcase_add_test(tcase, rss_growing_over_flat_live_bytes_is_fragmentation);
    tcase_add_test(tcase, a_limit_near_ahead_escalates_once);
    tcase_add_test(tcase, a_killed_process_leaves_a_readable_open_incident);
    tcase_add_test(tcase, an_oom_kill_escalates_to_critical);
    tcase_add_test(tcase, an_exit_resolves_with_its_end);
    tcase_add_test(tcase, a_new_start_of_the_program_is_a_new_incident_with_the_same_fingerprint);
    tcase_add_test(tcase, a_lost_agent_keeps_its_alarm);
    tcase_add_test(tcase, an_agent_that_does_not_obey_is_ordered_again);
    tcase_add_test(tcase, deliveries_are_kept_with_their_incident_one_row_a_notice);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
