/* SPDX-License-Identifier: MIT */
/*
 * A whole life of a leak, its incident, restart and end, once for every n: the n-th allocation
 * fails. Nothing crashes or leaks, and with memory again the incident is there in the end.
 * LEAKD_LONG=1 takes every n, usually every 11th.
 */
#include "tests/unit/suite.h"

#include "tests/unit/daemon/watch_fixture.h"

#include <errno.h>

#include "daemon/base/buf.h"
#include "daemon/store/incident_text.h"
#include "daemon/store/operator_mark_text.h"
#include "tests/failing/alloc.h"

static unsigned stride(void)
{
    const char *is_long = getenv("LEAKD_LONG");

    return is_long && is_long[0] == '1' ? 1 : 11;
}

/* What the fixture does, but a failure is an answer. */
static int try_hello(uint64_t instance)
{
    struct process_identity identity = {.pid = 42, .start_ticks = 7, .instance = instance};
    struct wire_hello record = {.protocol = 1,
                                .instance = instance,
                                .sample_period_bytes = 524288,
                                .capabilities = WIRE_CAP_PYTHON | WIRE_CAP_ZOOM,
                                .exe = str("/usr/bin/python3"),
                                .runtime = str("cpython 3.11.2")};

    return store_hello(store, &identity, &record, detect_profile_find("fast"), mono(), wall(),
                       &process);
}

/* An agent sends all again after its connection broke, and a failed record breaks it. */
static int try_describe(void)
{
    static const struct {
        uint32_t id;
        const char *text;
    } names[] = {{1, "handle"}, {2, "/srv/shop.py"}, {5, "builtins.dict"}};
    struct wire_site site = {.id = 1, .domain = WIRE_DOMAIN_PYTHON, .frame_count = 1};
    int rc = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == 0; i++) {
        struct wire_name name = {names[i].id, str(names[i].text)};

        rc = store_put_name(store, process, &name);
    }
    site.frames[0] = (struct wire_stack_frame){
        .kind = WIRE_FRAME_PYTHON, .function_id = 1, .file_id = 2, .line = 42};
    return rc == 0 ? store_put_site(store, process, &site) : rc;
}

/* libcheck allocates too, and gives up: nothing of it is called while allocations fail. */
static void write_rss(double bytes)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "99999 %12llu 0 0 0 0 0\n",
                       (unsigned long long)(bytes / (double)sysconf(_SC_PAGESIZE)));

    if (pwrite(statm, text, (size_t)len, 0) != len)
        abort();
}

static int count_notice(void *arg, const struct notice *notice)
{
    (void)arg;
    (void)notice;
    notice_count++;
    return 0;
}

static void try_second(double live, double leaked)
{
    struct wire_totals totals = {.domain_count = 1};
    struct wire_site_totals site = {.site_id = 1, .alloc_bytes = (uint64_t)leaked};
    struct wire_type_totals type = {.name_id = 5, .live_bytes = (uint64_t)leaked};
    struct wire_health health = {.sample_period_bytes = 65536, .python_attributing = 1};

    totals.domains[0].method = WIRE_METHOD_USABLE;
    totals.domains[0].live_bytes = totals.domains[0].alloc_bytes = (uint64_t)live;
    store_put_totals(store, process, &totals, mono(), wall());
    store_put_site_totals(store, process, &site, mono());
    store_put_type_totals(store, process, &type, mono());
    store_put_health(store, process, &health);
    write_rss(live + 8 * MIB);
    tick();
}

static void leak_for(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        double grown = RATE * (double)second;

        if (!process && try_hello(1) == 0 && try_describe() < 0)
            try_describe();
        if (process)
            try_second(LEVEL + grown + 4096 * noise(second), grown);
        else
            tick();
    }
}

/* Through the text, as at a restart. */
static void store_and_read(void)
{
    const struct incident *incident = query_incident_at(store, 0);
    struct incident *copy;
    struct buf text;

    if (!incident)
        return;
    buf_init(&text, 1 << 20);
    incident_write(incident, &text);
    if (!text.failed && incident_read(text.data, text.len, &copy) == 0)
        incident_free(copy);
    buf_done(&text);
}

static void people_act(void)
{
    struct operator_mark mark = {.at_wall_ms = wall(), .is_release = true, .text = "1.4.2"}, *kept;
    struct watch_request request = {
        .to = INCIDENT_SILENCED, .by = "ada", .reason = "", .duration_ms = 5000};

    store_put_operator_mark(store, &mark, &kept);
    if (query_incident_at(store, 0))
        watch_request(watch, query_incident_at(store, 0)->id, &request, mono(), wall());
}

static void live(void)
{
    process = NULL;
    second = 0;
    notice_count = 0;
    zooms = calms = 0;
    leak_for(180);
    people_act();
    store_and_read();
    leak_for(10);
    if (process)
        store_set_state(store, process, PROCESS_OOM_KILLED, mono(), wall());
    tick();
    tick();
}

static uint64_t live_failing_at(int64_t n)
{
    struct watch_hooks hooks = {.notify = count_notice};
    struct procfs fs = {folder, folder};
    uint64_t before;

    setup();
    watch_free(watch);
    ck_assert_int_eq(watch_new(store, &fs, &hooks, &watch), 0);
    before = failing->calls;
    failing->countdown = n;
    live();
    failing->countdown = 0;
    return failing->calls - before;
}

START_TEST(no_failed_allocation_crashes_leaks_or_costs_an_incident)
{
    uint64_t calls = live_failing_at(0);
    const struct incident *incident = query_incident_at(store, 0);

    ck_assert_ptr_nonnull(incident);
    teardown();
    ck_assert_uint_gt(calls, 100);
    for (uint64_t n = 1; n <= calls; n += stride()) {
        live_failing_at((int64_t)n);
        incident = query_incident_at(store, 0);
        ck_assert_msg(incident != NULL, "no incident when allocation %u of %u failed", (unsigned)n,
                      (unsigned)calls);
        ck_assert_msg(strncmp(incident->end, "OOM-killed", 10) == 0, "no end: %u", (unsigned)n);
        teardown();
    }
}
END_TEST

static bool can_make(void)
{
    struct store_limits limits = {.processes_max = 10, .exited_retention_ms = 60000};
    struct watch_hooks hooks = {.arg = NULL};
    struct procfs fs = {"/nowhere", "/nowhere"};
    struct store *s = NULL;
    struct watch *w = NULL;
    int rc = store_new(&limits, &s);

    if (rc == 0)
        rc = watch_new(s, &fs, &hooks, &w);
    watch_free(rc == 0 ? w : NULL);
    store_free(s);
    return rc == 0;
}

START_TEST(rooms_that_cannot_be_made_say_so)
{
    int64_t n = 1;

    for (;; n++) {
        failing->countdown = n;
        if (can_make())
            break;
    }
    failing->countdown = 0;
    ck_assert_int_gt(n, 4);
}
END_TEST

SUITE_MAIN_WITHIN("failing_watch", 3600, NULL, NULL,
                  no_failed_allocation_crashes_leaks_or_costs_an_incident,
                  rooms_that_cannot_be_made_say_so)
