/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of ours on the way of a notice fails once: no crash, no leak (the sanitizer
 * watches), and afterwards it goes on. The linker puts the functions below before those of libc
 * (--wrap), for calls from our rooms; libraries have theirs.
 */
#include "tests/unit/daemon/alert_world.h"
#include "tests/unit/suite.h"

#include <signal.h>

static long fail_at;  /* the n-th from now on; 0 = never */
static long requests; /* allocations that were asked for */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static bool fails(void)
{
    return ++requests == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

/* ---- a disk that forgets --------------------------------------------------------------------- */

static int on_put(void *arg, const char *id, uint64_t order, const char *text, size_t len)
{
    (void)arg;
    (void)id;
    (void)order;
    (void)text;
    (void)len;
    return 0;
}

static void on_change(void *arg)
{
    (void)arg;
}

static int on_drop(void *arg, const char *id)
{
    (void)arg;
    (void)id;
    return 0;
}

static void write_rows(void)
{
    struct alert_keeper keeper = {.put = on_put, .drop = on_drop};
    int rc = alert_collect(world.alert, &keeper, clock_mono_ms(), clock_wall_ms());

    alert_collected(world.alert, rc == 0);
}

static int tell(const char *incident, enum notice_event event)
{
    struct notice notice = {.event = event,
                            .severity = SEVERITY_WARNING,
                            .incident_id = incident,
                            .fingerprint = "f",
                            .unit = "shop.service",
                            .process_name = "shop",
                            .event_wall_ms = clock_wall_ms(),
                            .summary = "grows"};

    return alert_notify(world.alert, &notice);
}

static void turn(void)
{
    for (int i = 0; i < 8; i++) {
        uv_run(&world.loop, UV_RUN_NOWAIT);
        usleep(200);
    }
}

/* A whole life, without an assertion, for those allocate, too; whatever fails on the way, it comes
 * to its end. True: there was a start. */
static bool live(void)
{
    static const char row[] =
        "{\"receiver\":\"chat\",\"event\":\"leak.incident.opened\",\"body\":\"{}\","
        "\"expires_wall_ms\":0,\"due_wall_ms\":0}";
    static const char group[] =
        "{\"receiver\":\"chat\",\"group\":\"u/f\",\"members\":[\"a\",\"b\"]}";
    size_t count;

    if (alert_new(&world.loop, &world.conf, world.fetcher, NULL, NULL, &world.alert) < 0) {
        world.alert = NULL;
        return false;
    }
    alert_keep(world.alert, on_change, NULL);
    alert_restore(world.alert, "msg_old", 1, row, strlen(row), clock_mono_ms(), clock_wall_ms());
    alert_restore(world.alert, "grp_old", 0, group, strlen(group), clock_mono_ms(),
                  clock_wall_ms());
    tell("i1", NOTICE_OPENED);
    tell("i2", NOTICE_OPENED);
    write_rows();
    turn();
    alert_reload(world.alert, &world.conf);
    tell("i1", NOTICE_ESCALATED);
    tell("i2", NOTICE_RESOLVED);
    tell("i1", NOTICE_RESOLVED);
    alert_redeliver(world.alert, "chat", &count);
    write_rows();
    turn();
    alert_close(world.alert, on_closed, &world);
    world.alert = NULL;
    turn();
    return true;
}

static void add_every_type(void)
{
    static const char *const types[] = {"webhook", "alertmanager", "slack", "pagerduty", "command"};

    for (size_t i = 0; i < 5; i++) {
        /* Port 1 refuses at once. */
        struct conf_receiver *receiver = add_receiver(i == 2 ? "chat" : types[i], 1);

        snprintf(receiver->type, sizeof(receiver->type), "%s", types[i]);
        receiver->group = true;
    }
    snprintf(world.conf.receivers[2].secret_value, CONF_SECRET_MAX, "http://127.0.0.1:1/x");
    snprintf(world.conf.receivers[4].command, 32, "/bin/true");
}

START_TEST(every_allocation_on_a_notices_way_may_fail)
{
    long total;

    log_set_level((enum log_level)0);
    add_every_type();
    requests = 0;
    ck_assert(live());
    total = requests;
    ck_assert_int_gt(total, 50);
    for (long n = 1; n <= total; n++) {
        requests = 0;
        fail_at = n;
        live();
        fail_at = 0;
    }
    ck_assert(live());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("alert_nomem");
    TCase *tcase = tcase_create("nomem");

    signal(SIGPIPE, SIG_IGN);
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, make_world, remove_world);
    tcase_add_test(tcase, every_allocation_on_a_notices_way_may_fail);
    suite_add_tcase(suite, tcase);
    return suite_end(suite);
}
