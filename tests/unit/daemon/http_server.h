/* SPDX-License-Identifier: MIT */
/*
 * For the tests of daemon/http: a real server over a real store, its loop in a thread of its own,
 * and a blocking client. Everything that touches the store or the server runs on the loop by
 * server_do; clocks are the test's.
 */
#ifndef LEAKD_TESTS_HTTP_SERVER_H
#define LEAKD_TESTS_HTTP_SERVER_H

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>
#include <zlib.h>

#include "daemon/base/conf.h"
#include "daemon/base/json.h"
#include "daemon/http/http.h"
#include "daemon/store/store.h"

#define MAYBE_UNUSED __attribute__((unused))
#define WALL_MS      UINT64_C(1800000000000)
#define MONO_MS      UINT64_C(5000000)

struct server {
    uv_loop_t loop;
    uv_async_t async;
    pthread_t thread;
    sem_t done;
    void (*work)(struct server *server, void *arg);
    void *work_arg;
    struct conf conf;
    struct store *store;
    struct http *http;
    struct http_source source;
    unsigned port;
    char folder[64];
    char error[512];
};

static _Atomic uint64_t server_clock_ms = 0; /* added to both clocks */

static uint64_t server_wall_ms(void)
{
    return WALL_MS + server_clock_ms;
}

static uint64_t server_mono_ms(void)
{
    return MONO_MS + server_clock_ms;
}

static void server_figures(void *arg, struct http_figures *out)
{
    (void)arg;
    *out = (struct http_figures){.agents_connected = 3,
                                 .frames_total = 1000,
                                 .bad_frames_total = 2,
                                 .refused_connections_total = 1,
                                 .notices_queued = 4,
                                 .notices_delivered_total = 5,
                                 .notices_failed_total = 6,
                                 .notices_given_up_total = 7};
}

static void server_on_async(uv_async_t *async)
{
    struct server *server = async->data;
    void (*work)(struct server *, void *) = server->work;

    if (!work)
        return;
    server->work = NULL;
    work(server, server->work_arg);
    sem_post(&server->done);
}

/* Runs work on the loop's thread and waits for it. */
static MAYBE_UNUSED void server_do(struct server *server,
                                   void (*work)(struct server *server, void *arg), void *arg)
{
    server->work_arg = arg;
    server->work = work;
    uv_async_send(&server->async);
    while (sem_wait(&server->done) < 0)
        ;
}

static void *server_run(void *arg)
{
    struct server *server = arg;

    uv_run(&server->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* conf as it is before the start; a test may change it. */
static MAYBE_UNUSED void server_prepare(struct server *server)
{
    struct store_limits limits = {.processes_max = 2000, .exited_retention_ms = 60000};

    signal(SIGPIPE, SIG_IGN);
    memset(server, 0, sizeof(*server));
    server_clock_ms = 0;
    strcpy(server->folder, "/tmp/leakd-http-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(server->folder));
    server->conf.user_mode = true;
    server->conf.http.connections_max = 512;
    strcpy(server->conf.http.listen, "127.0.0.1:0");
    snprintf(server->conf.http.socket, sizeof(server->conf.http.socket), "%s/api.sock",
             server->folder);
    ck_assert_int_eq(store_new(&limits, &server->store), 0);
    server->source = (struct http_source){.store = server->store,
                                          .figures = server_figures,
                                          .now_wall_ms = server_wall_ms,
                                          .now_mono_ms = server_mono_ms};
}

static MAYBE_UNUSED int server_try(struct server *server)
{
    uv_loop_init(&server->loop);
    return http_start(&server->loop, &server->conf, &server->source, &server->http, &server->port,
                      server->error, sizeof(server->error));
}

static MAYBE_UNUSED void server_start(struct server *server)
{
    int rc = server_try(server);

    ck_assert_msg(rc == 0, "%s", server->error);
    sem_init(&server->done, 0, 0);
    server->async.data = server;
    uv_async_init(&server->loop, &server->async, server_on_async);
    ck_assert_int_eq(pthread_create(&server->thread, NULL, server_run, server), 0);
}

static void server_on_stopped(void *arg)
{
    struct server *server = arg;

    server->http = NULL;
    uv_close((uv_handle_t *)&server->async, NULL);
}

static void server_stop_work(struct server *server, void *arg)
{
    (void)arg;
    http_stop(server->http, server_on_stopped, server);
}

static MAYBE_UNUSED void server_stop(struct server *server)
{
    server_do(server, server_stop_work, NULL);
    pthread_join(server->thread, NULL);
    ck_assert_ptr_null(server->http);
    ck_assert_int_eq(uv_loop_close(&server->loop), 0);
    store_free(server->store);
    rmdir(server->folder);
    sem_destroy(&server->done);
}

static void server_tick_work(struct server *server, void *arg)
{
    (void)arg;
    http_tick(server->http);
}

/* A second goes by. */
static MAYBE_UNUSED void server_tick(struct server *server)
{
    server_clock_ms += 1000;
    server_do(server, server_tick_work, NULL);
}

/* ---- the store's content ------------------------------------------------------------------------
 */

static MAYBE_UNUSED struct wire_str text(const char *s)
{
    return (struct wire_str){s, strlen(s)};
}

static MAYBE_UNUSED struct process *put_process(struct server *server, int pid, const char *name,
                                                const char *unit)
{
    struct process_identity identity = {
        .pid = pid, .uid = 1000, .gid = 1000, .start_ticks = (uint64_t)pid * 7, .instance = 9};
    struct wire_hello hello = {.protocol = 1,
                               .instance = 9,
                               .pid = (uint32_t)pid,
                               .parent_pid = 1,
                               .sample_period_bytes = 524288,
                               .method = {WIRE_METHOD_USABLE, WIRE_METHOD_EXACT, WIRE_METHOD_NONE},
                               .exe = text("/usr/bin/python3.11"),
                               .argv0 = text("python3"),
                               .name = text(name),
                               .profile = text("fast"),
                               .runtime = text("cpython 3.11.2"),
                               .reason = text(""),
                               .agent_version = text("0.1.0")};
    struct process *process = NULL;

    ck_assert_int_eq(store_hello(server->store, &identity, &hello, detect_profile_find("fast"),
                                 server_mono_ms(), server_wall_ms(), &process),
                     0);
    if (unit)
        store_put_unit(server->store, process, unit);
    return process;
}

static MAYBE_UNUSED void put_totals(struct server *server, struct process *process,
                                    uint64_t live_bytes)
{
    struct wire_totals totals = {
        .time_ms = 1,
        .domain_count = 2,
        .domains = {{.domain = WIRE_DOMAIN_NATIVE,
                     .method = WIRE_METHOD_USABLE,
                     .live_bytes = live_bytes / 2,
                     .live_count = 10,
                     .alloc_bytes = UINT64_C(9007199254740993),
                     .free_bytes = UINT64_C(9007199254740993) - live_bytes / 2,
                     .alloc_count = 30,
                     .free_count = 20},
                    {.domain = WIRE_DOMAIN_PYTHON,
                     .method = WIRE_METHOD_EXACT,
                     .live_bytes = live_bytes - live_bytes / 2,
                     .live_count = 5}}};

    ck_assert_int_eq(
        store_put_totals(server->store, process, &totals, server_mono_ms(), server_wall_ms()), 0);
}

static MAYBE_UNUSED void put_site(struct server *server, struct process *process, uint32_t id,
                                  uint64_t live_bytes, const char *function, const char *file)
{
    struct wire_name names[] = {{.id = id * 2 + 100, .text = text(function)},
                                {.id = id * 2 + 101, .text = text(file)}};
    struct wire_site site = {.id = id,
                             .domain = WIRE_DOMAIN_PYTHON,
                             .frame_count = 1,
                             .frames = {{.kind = WIRE_FRAME_PYTHON,
                                         .function_id = names[0].id,
                                         .file_id = names[1].id,
                                         .line = 88}}};
    struct wire_site_totals totals = {.site_id = id,
                                      .alloc_bytes = live_bytes * 2,
                                      .free_bytes = live_bytes,
                                      .alloc_count = 20,
                                      .free_count = 10,
                                      .live_samples = 3,
                                      .oldest_age_ms = 4500};

    ck_assert_int_eq(store_put_name(server->store, process, &names[0]), 0);
    ck_assert_int_eq(store_put_name(server->store, process, &names[1]), 0);
    ck_assert_int_eq(store_put_site(server->store, process, &site), 0);
    ck_assert_int_eq(store_put_site_totals(server->store, process, &totals, server_mono_ms()), 0);
}

static MAYBE_UNUSED struct incident *
put_incident(struct server *server, const struct process *process, const char *severity)
{
    struct incident *take = calloc(1, sizeof(*take));
    struct incident *out = NULL;

    strcpy(take->fingerprint, "0123456789abcdef");
    take->severity = severity;
    take->verdict = VERDICT_LEAK;
    take->opened_wall_ms = server_wall_ms();
    snprintf(take->process_id, sizeof(take->process_id), "%s", process->id);
    take->process_name = strdup(process->name);
    take->process_count = 20;
    take->member_count = 1;
    take->members[0] = (struct incident_member){
        .process_id = "42-7", .name = "orders", .pid = 42, .state = MEMBER_OOM_KILLED};
    take->unit = process->unit ? strdup(process->unit) : NULL;
    take->exe = strdup(process->exe);
    take->pid = process->identity.pid;
    strcpy(take->summary, "growing 1 MiB/h");
    take->growth = (struct growth){true, 300, 250, 350, 0};
    take->site_count = 1;
    strcpy(take->sites[0].id, "7");
    take->sites[0].frame_count = 1;
    take->sites[0].frames[0] = (struct frozen_frame){.kind = WIRE_FRAME_PYTHON,
                                                     .function = strdup("store"),
                                                     .file = strdup("orders/cache.py"),
                                                     .line = 88};
    take->type_count = 1;
    take->types[0].name = strdup("app.Session");
    take->delivery_count = 1;
    take->deliveries[0] = (struct delivery){.receiver = "ops",
                                            .event = "leak.incident.opened",
                                            .notice_id = "msg_1",
                                            .attempts = 2,
                                            .http_status = 204,
                                            .delivered = true,
                                            .at_wall_ms = WALL_MS};
    ck_assert_int_eq(store_open_incident(server->store, take, &out), 0);
    return out;
}

/* ---- the client ---------------------------------------------------------------------------------
 */

struct answer {
    int status;
    char *head; /* with its last empty line */
    char *body;
    size_t body_len;
    char *all;
};

static MAYBE_UNUSED int client_connect(const struct server *server)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server->port)};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static MAYBE_UNUSED int client_connect_unix(const struct server *server)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(name.sun_path, server->conf.http.socket);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

static MAYBE_UNUSED void client_send(int fd, const char *bytes)
{
    size_t len = strlen(bytes);

    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

        if (n <= 0)
            return; /* the server hung up: what it said is still to be read */
        bytes += n;
        len -= (size_t)n;
    }
}

/* Up to the end of the connection. */
static MAYBE_UNUSED char *client_read_all(int fd, size_t *len)
{
    size_t cap = 65536;
    char *all = malloc(cap);

    *len = 0;
    for (;;) {
        ssize_t n;

        if (cap - *len < 32768)
            all = realloc(all, cap *= 2);
        n = recv(fd, all + *len, cap - *len - 1, 0);
        if (n <= 0)
            break;
        *len += (size_t)n;
    }
    all[*len] = '\0';
    return all;
}

static MAYBE_UNUSED struct answer client_answer(int fd)
{
    struct answer answer = {0};
    size_t len;
    char *split;

    answer.all = client_read_all(fd, &len);
    close(fd);
    split = strstr(answer.all, "\r\n\r\n");
    if (!split || sscanf(answer.all, "HTTP/1.%*d %d", &answer.status) != 1)
        return answer;
    answer.head = strndup(answer.all, (size_t)(split + 4 - answer.all));
    answer.body = split + 4;
    answer.body_len = len - (size_t)(answer.body - answer.all);
    return answer;
}

static MAYBE_UNUSED void answer_done(struct answer *answer)
{
    free(answer->head);
    free(answer->all);
    memset(answer, 0, sizeof(*answer));
}

/* headers: whole lines with CRLF each, "" for none. Host is ours. */
static MAYBE_UNUSED struct answer ask(const struct server *server, const char *method,
                                      const char *target, const char *headers)
{
    size_t size = strlen(target) + strlen(headers) + 256;
    char *request = malloc(size);
    int fd = client_connect(server);

    snprintf(request, size, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n%s\r\n",
             method, target, server->port, headers);
    client_send(fd, request);
    free(request);
    return client_answer(fd);
}

static MAYBE_UNUSED struct answer get(const struct server *server, const char *target)
{
    return ask(server, "GET", target, "");
}

static MAYBE_UNUSED int get_status(const struct server *server, const char *target)
{
    struct answer answer = get(server, target);
    int status = answer.status;

    answer_done(&answer);
    return status;
}

/* The parsed body of an answer that must be 200. */
static MAYBE_UNUSED struct json_tree *get_json(const struct server *server, const char *target)
{
    struct answer answer = get(server, target);
    char error[128] = "";
    struct json_tree *tree;

    ck_assert_msg(answer.status == 200, "%s answered %d: %s", target, answer.status, answer.all);
    tree = json_parse(answer.body, answer.body_len, error, sizeof(error));
    ck_assert_msg(tree != NULL, "%s: %s in %s", target, error, answer.body);
    answer_done(&answer);
    return tree;
}

/* The value of a header in head, "" when it is not there. */
static MAYBE_UNUSED const char *header_of(const struct answer *answer, const char *name)
{
    static char value[1024];
    char line[80];
    const char *at;

    value[0] = '\0';
    snprintf(line, sizeof(line), "\r\n%s: ", name);
    at = answer->head ? strcasestr(answer->head, line) : NULL;
    if (at)
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + strlen(line), "\r\n"),
                 at + strlen(line));
    return value;
}

#endif
