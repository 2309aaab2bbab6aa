/* SPDX-License-Identifier: MIT */
/* An ingest in a folder of its own and what it takes to talk to it; one copy a test program. */
#ifndef LEAKD_TESTS_INGEST_FIXTURE_H
#define LEAKD_TESTS_INGEST_FIXTURE_H

#include "daemon/ingest/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "daemon/base/clock.h"
#include "daemon/base/conf.h"
#include "daemon/base/log.h"
#include "daemon/base/procfs.h"
#include "daemon/ingest/server.h"

static char folder[64];
static char error[256];
static uv_loop_t loop;
static struct store *store;
static struct ingest *ingest;
static struct conf conf;
static bool stopped;

static inline void setup(void)
{
    struct store_limits limits = {.processes_max = 100, .exited_retention_ms = 60000};

    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_ERROR);
    strcpy(folder, "/tmp/leakd-ingest-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    memset(&conf, 0, sizeof(conf));
    snprintf(conf.agents.socket, sizeof(conf.agents.socket), "%s/agent.sock", folder);
    conf.agents.socket_mode = 0666;
    conf.agents.connections_max = 50;
    conf.agents.connections_per_user_max = 40;
    strcpy(conf.detect.profile, "default");
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(store_new(&limits, &store), 0);
}

static inline void start(void)
{
    ck_assert_int_eq(ingest_start(&loop, &conf, store, -1, &ingest, error, sizeof(error)), 0);
}

static inline void on_stopped(void *arg)
{
    (void)arg;
    stopped = true;
}

static inline void teardown(void)
{
    if (ingest) {
        ingest_stop(ingest, on_stopped, NULL);
        uv_run(&loop, UV_RUN_DEFAULT);
        ck_assert(stopped);
    }
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    store_free(store);
    unlink(conf.agents.socket);
    rmdir(folder);
}

static inline int connect_agent(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, conf.agents.socket);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static inline struct wire_str str(const char *text)
{
    return (struct wire_str){text, strlen(text)};
}

static inline void put_hello_version(struct wire_wr *wr, uint64_t instance, uint16_t protocol)
{
    struct wire_hello hello = {.protocol = protocol,
                               .instance = instance,
                               .sample_period_bytes = 524288,
                               .exe = str("/usr/bin/shop"),
                               .argv0 = str("shop"),
                               .name = str(""),
                               .profile = str("fast"),
                               .runtime = str("native"),
                               .reason = str(""),
                               .agent_version = str("0.1.0")};

    ck_assert(wire_put_hello(wr, &hello));
}

static inline void put_hello(struct wire_wr *wr, uint64_t instance)
{
    put_hello_version(wr, instance, WIRE_PROTOCOL);
}

static inline void put_totals(struct wire_wr *wr, uint64_t live_bytes)
{
    struct wire_totals totals = {.domain_count = 1};

    totals.domains[0].method = WIRE_METHOD_USABLE;
    totals.domains[0].live_bytes = live_bytes;
    totals.domains[0].alloc_bytes = live_bytes;
    ck_assert(wire_put_totals(wr, &totals));
}

static uint8_t bytes[WIRE_BODY_BYTES_MAX + 100];

static inline void write_all(int fd, const struct wire_wr *wr)
{
    ck_assert_int_eq(write(fd, wr->start, wire_wr_len(wr)), (ssize_t)wire_wr_len(wr));
}

static inline void say_hello(int fd, uint64_t instance)
{
    struct wire_wr wr;

    wire_wr_init(&wr, bytes, sizeof(bytes));
    put_hello(&wr, instance);
    write_all(fd, &wr);
}

static inline void on_timer(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Turns the loop until the claim holds; fails the test after 10 s. */
#define run_until(claim)                                                                           \
    do {                                                                                           \
        bool too_late = false;                                                                     \
        uv_timer_t timer;                                                                          \
        uv_timer_init(&loop, &timer);                                                              \
        timer.data = &too_late;                                                                    \
        uv_timer_start(&timer, on_timer, 10000, 0);                                                \
        while (!(claim) && !too_late)                                                              \
            uv_run(&loop, UV_RUN_ONCE);                                                            \
        uv_close((uv_handle_t *)&timer, NULL);                                                     \
        uv_run(&loop, UV_RUN_NOWAIT);                                                              \
        ck_assert_msg(!too_late, "did not come: %s", #claim);                                      \
    } while (0)

static inline struct ingest_stats stats(void)
{
    struct ingest_stats out;

    ingest_read_stats(ingest, &out);
    return out;
}

static inline const struct process *only_process(void)
{
    return query_process_count(store) == 1 ? query_process_at(store, 0) : NULL;
}

static inline bool is_closed(int fd)
{
    uint8_t byte;
    ssize_t n;

    do
        n = recv(fd, &byte, 1, MSG_DONTWAIT);
    while (n > 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

#endif
