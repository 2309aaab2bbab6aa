/* SPDX-License-Identifier: MIT */
/* Programs simulated through store and watch, second by second, in invented time; /proc is a folder
 * of the test's own. One copy a test program. */
#ifndef LEAKD_TESTS_WATCH_FIXTURE_H
#define LEAKD_TESTS_WATCH_FIXTURE_H

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
static double shared_bytes; /* of what is resident */
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
static unsigned snapshots_ordered;
static size_t snapshot_type_count; /* of the last order */

static inline void on_zoom(void *arg, const struct process *p, uint64_t period_bytes, bool python)
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

static inline void on_incident(void *arg, const struct incident *incident, enum watch_change change)
{
    (void)arg;
    (void)incident;
    opened += change == WATCH_INCIDENT_OPENED;
    updated += change == WATCH_INCIDENT_UPDATED;
    resolved += change == WATCH_INCIDENT_RESOLVED;
    if (change == WATCH_INCIDENT_OPENED)
        opened_second = second;
}

static inline int on_notice(void *arg, const struct notice *notice)
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

/* What leakd.c does, but for the order itself. */
static inline int on_snapshot(void *arg, struct process *p, const char *const *types,
                              size_t type_count, uint32_t *number)
{
    struct snapshot *snapshot;
    int rc = store_request_snapshot(p, 1, 1000000 + second * 1000, WALL0 + second * 1000, &snapshot);

    (void)arg;
    (void)types;
    snapshots_ordered++;
    snapshot_type_count = type_count;
    if (rc == 0)
        *number = snapshot->number;
    return rc;
}

static inline void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static inline void setup(void)
{
    struct store_limits limits = {.processes_max = 10, .exited_retention_ms = 60000};
    struct watch_hooks hooks = {
        .on_zoom = on_zoom, .on_incident = on_incident, .on_snapshot = on_snapshot,
        .notify = on_notice};
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

static inline void teardown(void)
{
    char command[128];

    watch_free(watch);
    store_free(store);
    close(statm);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static inline uint64_t mono(void)
{
    return 1000000 + second * 1000;
}

static inline uint64_t wall(void)
{
    return WALL0 + second * 1000;
}

static inline struct wire_str str(const char *text)
{
    return (struct wire_str){text, strlen(text)};
}

static inline struct process *hello(uint64_t instance, const char *profile)
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

static inline void put_name(uint32_t id, const char *text)
{
    struct wire_name name = {id, str(text)};

    ck_assert_int_eq(store_put_name(store, process, &name), 0);
}

static inline void put_python_site(uint32_t id, uint32_t function, uint32_t file, uint32_t line)
{
    struct wire_site site = {.id = id, .domain = WIRE_DOMAIN_PYTHON, .frame_count = 1};

    site.frames[0] = (struct wire_stack_frame){
        .kind = WIRE_FRAME_PYTHON, .function_id = function, .file_id = file, .line = line};
    ck_assert_int_eq(store_put_site(store, process, &site), 0);
}

/* Sites: 1 leaks, 2 is steady, 3 churns. */
static inline void describe_program(void)
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
static inline double noise(uint64_t i)
{
    uint64_t x = i * 0x9e3779b97f4a7c15u;

    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 32;
    return (double)(x & 0xffff) / 32767.5 - 1;
}

static inline void put_live(double live_bytes)
{
    struct wire_totals totals = {.domain_count = 1};

    totals.domains[0].domain = WIRE_DOMAIN_NATIVE;
    totals.domains[0].method = WIRE_METHOD_USABLE;
    totals.domains[0].live_bytes = (uint64_t)live_bytes;
    totals.domains[0].alloc_bytes = (uint64_t)live_bytes;
    ck_assert_int_eq(store_put_totals(store, process, &totals, mono(), wall()), 0);
}

static inline void put_site(uint32_t id, double live_bytes)
{
    struct wire_site_totals totals = {.site_id = id, .alloc_bytes = (uint64_t)live_bytes};

    ck_assert_int_eq(store_put_site_totals(store, process, &totals, mono()), 0);
}

static inline void put_type(uint32_t name_id, double live_bytes)
{
    struct wire_type_totals totals = {.name_id = name_id, .live_bytes = (uint64_t)live_bytes};

    ck_assert_int_eq(store_put_type_totals(store, process, &totals, mono()), 0);
}

/* What an agent that attributes would say of so much leaked since. */
static inline void put_attribution(double leaked)
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

static inline void put_rss(double bytes)
{
    char text[64];

    snprintf(text, sizeof(text), "99999 %12llu %12llu 0 0 0 0\n",
             (unsigned long long)(bytes / (double)sysconf(_SC_PAGESIZE)),
             (unsigned long long)(shared_bytes / (double)sysconf(_SC_PAGESIZE)));
    /* In place: a file that is truncated and written anew every second would wait for the disk. */
    ck_assert_int_eq(pwrite(statm, text, strlen(text), 0), (ssize_t)strlen(text));
}

static inline void tick(void)
{
    watch_tick(watch, mono(), wall());
    second++;
}

/* One second of a program with live bytes and what of them has leaked since it was attributed. */
static inline void run_second(double live_bytes, double rss, double leaked)
{
    put_live(live_bytes);
    put_attribution(leaked);
    put_rss(rss);
    tick();
}

/* Seconds until the verdict is reached, at a rate over a level; fails after max. */
static inline void leak_until(enum verdict verdict, double level, double rate, unsigned max)
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

static inline void leak_on(double level, double rate, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        python_live += rate;
        run_second(level + rate * (double)second + 4096 * noise(second), rss_bytes += rate,
                   python_live);
    }
}

#define LEVEL (64 * MIB)
#define RATE  86220.8 /* 84.2 KiB/s */

#endif
