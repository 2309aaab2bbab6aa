/* SPDX-License-Identifier: MIT */
/* A loop with fetcher and alert, whose deliveries are kept as lines. One copy a test program. */
#ifndef LEAKD_TESTS_ALERT_WORLD_H
#define LEAKD_TESTS_ALERT_WORLD_H

#include "daemon/alert/alert.h"

#include <errno.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/fetch/fetch.h"
#include "tests/unit/daemon/http_peer.h"

#define SECRET         "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ANSWER(status) "HTTP/1.1 " status " x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

/* The deliveries that were reported, as one line each: "receiver event attempts status what". */
struct world {
    uv_loop_t loop;
    struct conf conf;
    struct fetcher *fetcher;
    struct alert *alert;
    int count;
    char lines[16][256];
    char errors[16][256];
    char ids[16][64];
    int closed;
};

static struct world world;

static inline void on_delivery(void *arg, const struct alert_delivery *delivery)
{
    struct world *w = arg;

    ck_assert_int_lt(w->count, 16);
    snprintf(w->lines[w->count], sizeof(w->lines[0]), "%s %s %s %u %ld %s", delivery->receiver,
             delivery->incident_id, delivery->event, delivery->attempts, delivery->http_status,
             delivery->delivered  ? "delivered"
             : delivery->given_up ? "given up"
                                  : "waits");
    snprintf(w->errors[w->count], sizeof(w->errors[0]), "%s", delivery->error);
    snprintf(w->ids[w->count], sizeof(w->ids[0]), "%s", delivery->notice_id);
    w->count++;
}

static inline void on_closed(void *arg)
{
    ((struct world *)arg)->closed++;
}

static inline struct conf_receiver *add_receiver(const char *name, int port)
{
    struct conf_receiver *receiver = &world.conf.receivers[world.conf.receiver_count++];

    *receiver = (struct conf_receiver){.min_severity = SEVERITY_WARNING, .send_resolved = true, .timeout_ms = 15000};
    snprintf(receiver->name, sizeof(receiver->name), "%s", name);
    snprintf(receiver->type, sizeof(receiver->type), "webhook");
    snprintf(receiver->url, sizeof(receiver->url), "http://127.0.0.1:%d/hook", port);
    snprintf(receiver->secret_value, sizeof(receiver->secret_value), SECRET);
    return receiver;
}

static inline void make_world(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    memset(&world, 0, sizeof(world));
    snprintf(world.conf.http.listen, sizeof(world.conf.http.listen), "127.0.0.1:7373");
    ck_assert_int_eq(uv_loop_init(&world.loop), 0);
    ck_assert_int_eq(fetcher_new(&world.loop, &world.fetcher), 0);
}

static inline void start_alert(void)
{
    ck_assert_int_eq(
        alert_new(&world.loop, &world.conf, world.fetcher, on_delivery, &world, &world.alert), 0);
}

static inline void remove_world(void)
{
    if (world.alert)
        alert_close(world.alert, on_closed, &world);
    if (world.fetcher)
        fetcher_close(world.fetcher, on_closed, &world);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&world.loop), 0);
}

static inline int notify(const char *incident, enum notice_event event)
{
    struct notice notice = {
        .event = event, .severity = SEVERITY_WARNING, .incident_id = incident, .summary = "grows"};

    return alert_notify(world.alert, &notice);
}

/* One turn at a time: UV_RUN_ONCE would run the timers twice and overshoot. */
static inline void run_until(int count)
{
    uint64_t deadline_ms = clock_mono_ms() + 10000;
    struct pollfd backend = {.fd = uv_backend_fd(&world.loop), .events = POLLIN};

    while (world.count < count && clock_mono_ms() < deadline_ms) {
        uv_run(&world.loop, UV_RUN_NOWAIT);
        if (world.count < count)
            poll(&backend, 1, 5);
    }
    ck_assert_int_eq(world.count, count);
}

#endif
