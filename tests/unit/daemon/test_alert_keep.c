/* SPDX-License-Identifier: MIT */
/* Notices on a disk that the test plays: what is written when, what waits for it, what comes back.
 */
#include "tests/unit/daemon/alert_world.h"

#include "daemon/alert/private.h"
#include "tests/unit/suite.h"

struct row {
    char id[40];
    uint64_t order;
    char *text;
};

/* The disk, and what is on its way to it. */
static struct row rows[32], written[32];
static size_t row_count, written_count;
static char drops[32][40];
static size_t drop_count;
static int changes;

static void on_change(void *arg)
{
    (void)arg;
    changes++;
}

static int on_put(void *arg, const char *id, uint64_t order, const char *text, size_t len)
{
    struct row *row = &written[written_count++];

    (void)arg;
    ck_assert_uint_le(written_count, 32);
    snprintf(row->id, sizeof(row->id), "%s", id);
    row->order = order;
    row->text = strndup(text, len);
    return 0;
}

static int on_drop(void *arg, const char *id)
{
    (void)arg;
    ck_assert_uint_lt(drop_count, 32);
    snprintf(drops[drop_count++], sizeof(drops[0]), "%s", id);
    return 0;
}

static void remove_row(const char *id)
{
    for (size_t i = 0; i < row_count; i++) {
        if (strcmp(rows[i].id, id) != 0)
            continue;
        free(rows[i].text);
        rows[i] = rows[--row_count];
        return;
    }
}

static void begin_write(void)
{
    struct alert_keeper keeper = {.put = on_put, .drop = on_drop};
    int rc = alert_collect(world.alert, &keeper, clock_mono_ms(), clock_wall_ms());

    ck_assert_int_eq(rc, 0);
}

static void end_write(bool good)
{
    for (size_t i = 0; i < written_count; i++) {
        if (good) {
            remove_row(written[i].id);
            rows[row_count++] = written[i];
        } else {
            free(written[i].text);
        }
    }
    for (size_t i = 0; good && i < drop_count; i++)
        remove_row(drops[i]);
    written_count = drop_count = 0;
    alert_collected(world.alert, good);
}

static void write_all(void)
{
    begin_write();
    end_write(true);
}

static void start_kept(void)
{
    start_alert();
    alert_keep(world.alert, on_change, NULL);
}

/* Sorted as the journal reads them. */
static void restore_all(void)
{
    for (uint64_t order = 0; order < 100; order++) {
        for (size_t i = 0; i < row_count; i++) {
            if (rows[i].order == order)
                ck_assert_int_eq(alert_restore(world.alert, rows[i].id, order, rows[i].text,
                                               strlen(rows[i].text), clock_mono_ms(),
                                               clock_wall_ms()),
                                 0);
        }
    }
}

/* leakd is gone without a word and comes back. */
static void crash_and_start(void)
{
    alert_close(world.alert, on_closed, &world);
    uv_run(&world.loop, UV_RUN_NOWAIT);
    start_kept();
    restore_all();
}

static void turn_for_ms(uint64_t ms)
{
    uint64_t end_ms = clock_mono_ms() + ms;

    while (clock_mono_ms() < end_ms) {
        uv_run(&world.loop, UV_RUN_NOWAIT);
        usleep(2000);
    }
}

static void free_rows(void)
{
    for (size_t i = 0; i < row_count; i++)
        free(rows[i].text);
    row_count = 0;
    remove_world();
}

START_TEST(a_notice_waits_for_the_disk)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_kept();
    notify("i1", NOTICE_OPENED);
    ck_assert_int_eq(changes, 1);
    turn_for_ms(50);
    ck_assert_int_eq(atomic_load(&peer->count), 0);
    begin_write();
    turn_for_ms(50);
    ck_assert_int_eq(atomic_load(&peer->count), 0); /* asked is not kept */
    end_write(true);
    run_until(1);
    ck_assert_uint_eq(row_count, 1);
    write_all();
    ck_assert_uint_eq(row_count, 0);
    peer_end(peer);
}
END_TEST

START_TEST(a_write_that_failed_is_asked_for_again)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_kept();
    notify("i1", NOTICE_OPENED);
    begin_write();
    end_write(false);
    turn_for_ms(30);
    ck_assert_int_eq(atomic_load(&peer->count), 0);
    write_all();
    run_until(1);
    begin_write();
    ck_assert_uint_eq(drop_count, 1);
    end_write(false);
    ck_assert_uint_eq(row_count, 1);
    write_all();
    ck_assert_uint_eq(row_count, 0);
    begin_write();
    ck_assert_uint_eq(drop_count + written_count, 0);
    end_write(true);
    peer_end(peer);
}
END_TEST

START_TEST(the_next_one_waits_until_the_row_of_the_delivered_one_is_gone)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    add_receiver("other", peer->port);
    start_kept();
    notify("i1", NOTICE_OPENED);
    notify("i1", NOTICE_RESOLVED);
    write_all();
    run_until(2); /* one each */
    turn_for_ms(50);
    ck_assert_int_eq(world.count, 2);
    write_all();
    run_until(4);
    peer_end(peer);
}
END_TEST

START_TEST(a_crash_between_delivery_and_disk_repeats_one_with_the_same_id)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_kept();
    notify("i1", NOTICE_OPENED);
    notify("i2", NOTICE_OPENED);
    notify("i3", NOTICE_OPENED);
    write_all();
    run_until(1);
    crash_and_start();
    for (int i = 0; i < 3; i++) {
        run_until(i + 2);
        write_all();
    }
    ck_assert_str_eq(world.ids[0], world.ids[1]);
    ck_assert_str_eq(world.lines[1], "ops i1 leak.incident.opened 1 200 delivered");
    ck_assert_str_eq(world.lines[2], "ops i2 leak.incident.opened 1 200 delivered");
    ck_assert_str_eq(world.lines[3], "ops i3 leak.incident.opened 1 200 delivered");
    ck_assert_str_eq(peer_header(peer->requests[1], "webhook-id"), world.ids[0]);
    ck_assert_str_eq(strstr(peer->requests[0], "\r\n\r\n"), strstr(peer->requests[1], "\r\n\r\n"));
    ck_assert_uint_eq(row_count, 0);
    turn_for_ms(50);
    ck_assert_int_eq(world.count, 4);
    peer_end(peer);
}
END_TEST

START_TEST(the_schedule_goes_on_after_a_restart)
{
    static const char *const answers[] = {ANSWER("500"), PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);
    uint64_t began_ms;

    add_receiver("ops", peer->port);
    start_kept();
    began_ms = clock_mono_ms();
    notify("i1", NOTICE_OPENED);
    write_all();
    run_until(1);
    write_all(); /* the new due time */
    crash_and_start();
    run_until(2);
    ck_assert_uint_ge(clock_mono_ms() - began_ms, 4900); /* not at once */
    ck_assert_str_eq(world.lines[1], "ops i1 leak.incident.opened 2 200 delivered");
    ck_assert_str_eq(world.ids[0], world.ids[1]);
    peer_end(peer);
}
END_TEST

START_TEST(without_a_disk_people_are_told_all_the_same)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_kept();
    alert_set_disk(world.alert, false);
    notify("i1", NOTICE_OPENED);
    notify("i1", NOTICE_RESOLVED);
    run_until(2);
    alert_set_disk(world.alert, true);
    begin_write();
    ck_assert_uint_eq(written_count + drop_count, 0); /* it never had them */
    end_write(true);
    peer_end(peer);
}
END_TEST

START_TEST(one_delivered_while_it_was_being_written_is_dropped_afterwards)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_kept();
    notify("i1", NOTICE_OPENED);
    begin_write();
    alert_set_disk(world.alert, false);
    run_until(1);
    end_write(true);
    ck_assert_uint_eq(row_count, 1);
    write_all();
    ck_assert_uint_eq(row_count, 0);
    peer_end(peer);
}
END_TEST

/* As a receiver that answers while the rest of leakd is taken down. */
START_TEST(nothing_is_begun_that_the_last_batch_could_not_note)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_kept();
    notify("i1", NOTICE_OPENED);
    begin_write();
    alert_keep(world.alert, NULL, NULL);
    end_write(true);
    turn_for_ms(200);
    ck_assert_int_eq(world.count, 0);
    crash_and_start();
    run_until(1);
    peer_end(peer);
}
END_TEST

/* It is on no disk: nobody else would ever tell it. */
START_TEST(what_no_disk_has_is_told_even_at_the_end)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_kept();
    alert_set_disk(world.alert, false);
    notify("i1", NOTICE_OPENED);
    alert_keep(world.alert, NULL, NULL);
    run_until(1);
    ck_assert_str_eq(world.lines[0], "ops i1 leak.incident.opened 1 200 delivered");
    peer_end(peer);
}
END_TEST

/* A write that fails in the second file has been done in the first. */
START_TEST(the_row_of_one_whose_writing_failed_is_dropped_all_the_same)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port);
    start_kept();
    notify("i1", NOTICE_OPENED);
    begin_write();
    alert_set_disk(world.alert, false);
    end_write(false);
    run_until(1);
    alert_set_disk(world.alert, true);
    begin_write();
    ck_assert_uint_eq(written_count, 0);
    ck_assert_uint_eq(drop_count, 1);
    end_write(true);
    peer_end(peer);
}
END_TEST

START_TEST(rows_that_nobody_can_use_are_refused_with_the_reason)
{
    static const char good[] = "{\"receiver\":\"ops\",\"event\":\"leak.incident.opened\",\"body\":"
                               "\"{}\",\"expires_wall_ms\":%llu}";
    static const char *const bad[] = {"", "[]", "{}", "{\"body\":\"x\"}",
                                      "{\"body\":\"x\",\"event\":\"nothing\"}"};
    uint64_t now_ms = clock_wall_ms();
    char text[256];

    add_receiver("ops", 1);
    start_kept();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(alert_restore(world.alert, "m", 1, bad[i], strlen(bad[i]), 1000, now_ms),
                         -EBADMSG);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof(text), good, (unsigned long long)(now_ms - 8 * UINT64_C(86400000)));
    ck_assert_int_eq(alert_restore(world.alert, "m", 1, text, strlen(text), 1000, now_ms), -ESTALE);
    snprintf(text, sizeof(text), good, (unsigned long long)now_ms + 1000);
#pragma GCC diagnostic pop
    ck_assert_int_eq(alert_restore(world.alert, "m", 1, text, strlen(text), 1000, now_ms), 0);
    ck_assert_int_eq(alert_restore(world.alert, "m", 1, text, strlen(text), 1000, now_ms), -EEXIST);
    memcpy(strstr(text, "ops"), "eve", 3);
    ck_assert_int_eq(alert_restore(world.alert, "n", 1, text, strlen(text), 1000, now_ms), -ENOENT);
}
END_TEST

START_TEST(another_disk_gets_all_rows_again)
{
    add_receiver("ops", 1);
    start_kept();
    notify("i1", NOTICE_OPENED);
    notify("i2", NOTICE_OPENED);
    write_all();
    begin_write();
    ck_assert_uint_eq(written_count, 0);
    end_write(true);
    alert_forget_rows(world.alert);
    begin_write();
    ck_assert_uint_eq(written_count, 2);
    end_write(true);
}
END_TEST

START_TEST(new_notices_are_ordered_behind_restored_ones)
{
    add_receiver("ops", 1);
    start_kept();
    notify("i1", NOTICE_OPENED);
    notify("i2", NOTICE_OPENED);
    write_all();
    crash_and_start();
    notify("i3", NOTICE_OPENED);
    begin_write();
    ck_assert_uint_eq(written_count, 1);
    ck_assert_uint_eq(written[0].order, 3);
    end_write(true);
}
END_TEST

START_TEST(the_row_of_a_receiver_that_a_reload_removed_is_dropped)
{
    add_receiver("ops", 1);
    start_kept();
    notify("i1", NOTICE_OPENED);
    write_all();
    world.conf.receiver_count = 0;
    ck_assert_int_eq(alert_reload(world.alert, &world.conf), 0);
    ck_assert_uint_eq(row_count, 1);
    write_all();
    ck_assert_uint_eq(row_count, 0);
}
END_TEST

static int notify_group(const char *incident, enum notice_event event)
{
    struct notice notice = {.event = event,
                            .severity = SEVERITY_WARNING,
                            .incident_id = incident,
                            .unit = "shop.service",
                            .fingerprint = "f",
                            .summary = "grows"};

    return alert_notify(world.alert, &notice);
}

START_TEST(a_group_survives_a_restart)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    add_receiver("ops", peer->port)->group = true;
    start_kept();
    notify_group("i1", NOTICE_OPENED);
    notify_group("i2", NOTICE_OPENED); /* reported as held */
    write_all();
    run_until(2);
    write_all();
    ck_assert_uint_eq(row_count, 1); /* the group */
    crash_and_start();
    notify_group("i3", NOTICE_OPENED);
    notify_group("i1", NOTICE_RESOLVED);
    notify_group("i2", NOTICE_RESOLVED);
    ck_assert_int_eq(world.count, 5);
    notify_group("i3", NOTICE_RESOLVED);
    write_all();
    run_until(6);
    ck_assert_str_eq(world.lines[5], "ops i1 leak.incident.resolved 1 200 delivered");
    write_all();
    ck_assert_uint_eq(row_count, 0);
    peer_end(peer);
}
END_TEST

static size_t count_groups(void)
{
    size_t count = 0;

    for (struct group *group = world.alert->channels->groups.first; group; group = group->next)
        count++;
    return count;
}

static int on_drop_count(void *arg, const char *id)
{
    (void)id;
    ++*(size_t *)arg;
    return 0;
}

#define ENDED_GROUPS_MAX 4096u

static void end_groups(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct group *group = group_new(NULL);

        ck_assert_ptr_nonnull(group);
        group->is_over = group->is_changed = group->was_asked = true;
        groups_put(&world.alert->channels->groups, group);
    }
    notify_group("i1", NOTICE_RESOLVED); /* something happens */
}

START_TEST(ended_groups_do_not_pile_up_while_the_disk_is_away)
{
    size_t dropped = 0;
    struct alert_keeper keeper = {.put = on_put, .drop = on_drop_count, .arg = &dropped};

    add_receiver("ops", 1)->group = true;
    start_kept();
    end_groups(ENDED_GROUPS_MAX + 1);
    ck_assert_uint_eq(count_groups(), ENDED_GROUPS_MAX + 1); /* a disk that works will take them */
    alert_set_disk(world.alert, false);
    end_groups(100);
    ck_assert_uint_eq(count_groups(), ENDED_GROUPS_MAX);
    alert_set_disk(world.alert, true);
    alert_collect(world.alert, &keeper, clock_mono_ms(), clock_wall_ms());
    ck_assert_uint_eq(dropped, ENDED_GROUPS_MAX);
    end_write(true);
    ck_assert_uint_eq(count_groups(), 0);
}
END_TEST

START_TEST(dead_letters_survive_a_restart)
{
    static const char *const answers[] = {ANSWER("410"), PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);
    size_t count = 0;

    add_receiver("ops", peer->port);
    start_kept();
    notify("i1", NOTICE_OPENED);
    notify("i2", NOTICE_OPENED);
    write_all();
    run_until(2);
    write_all();
    ck_assert_uint_eq(row_count, 2);
    crash_and_start();
    turn_for_ms(50);
    ck_assert_int_eq(world.count, 2); /* nothing is sent by itself */
    ck_assert_int_eq(alert_redeliver(world.alert, "ops", &count), 0);
    ck_assert_uint_eq(count, 2);
    write_all();
    run_until(3);
    write_all();
    run_until(4);
    ck_assert_str_eq(world.lines[2], "ops i1 leak.incident.opened 2 200 delivered");
    ck_assert_str_eq(world.ids[2], world.ids[0]);
    write_all();
    ck_assert_uint_eq(row_count, 0);
    peer_end(peer);
}
END_TEST

START_TEST(what_stands_at_an_alertmanager_survives_a_restart)
{
    static const char *const answers[] = {PEER_OK, NULL};
    struct http_peer *peer = peer_start(answers);

    snprintf(add_receiver("am", peer->port)->type, 16, "alertmanager");
    world.conf.receivers[0].secret_value[0] = '\0';
    start_kept();
    notify_group("i1", NOTICE_OPENED);
    write_all();
    run_until(1);
    write_all();
    ck_assert_uint_eq(row_count, 1);
    crash_and_start();
    while (atomic_load(&peer->count) < 2) /* reminded at once: it may have been a long time */
        uv_run(&world.loop, UV_RUN_ONCE);
    ck_assert_ptr_nonnull(strstr(peer->requests[1], "\"incident\":\"i1\""));
    ck_assert_int_eq(world.count, 1); /* and not reported again */
    peer_end(peer);
}
END_TEST

SUITE_MAIN_FIXTURE("alert_keep", make_world, free_rows, a_notice_waits_for_the_disk,
                   a_write_that_failed_is_asked_for_again,
                   the_next_one_waits_until_the_row_of_the_delivered_one_is_gone,
                   a_crash_between_delivery_and_disk_repeats_one_with_the_same_id,
                   the_schedule_goes_on_after_a_restart,
                   without_a_disk_people_are_told_all_the_same,
                   one_delivered_while_it_was_being_written_is_dropped_afterwards,
                   nothing_is_begun_that_the_last_batch_could_not_note,
                   what_no_disk_has_is_told_even_at_the_end,
                   the_row_of_one_whose_writing_failed_is_dropped_all_the_same,
                   rows_that_nobody_can_use_are_refused_with_the_reason,
                   another_disk_gets_all_rows_again, new_notices_are_ordered_behind_restored_ones,
                   the_row_of_a_receiver_that_a_reload_removed_is_dropped,
                   a_group_survives_a_restart,
                   ended_groups_do_not_pile_up_while_the_disk_is_away, dead_letters_survive_a_restart,
                   what_stands_at_an_alertmanager_survives_a_restart)
