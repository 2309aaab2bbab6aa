/* SPDX-License-Identifier: MIT */
/*
 * The only door to libmicrohttpd. Each listening socket has an MHD daemon without threads, whose
 * epoll descriptor libuv watches. That epoll is edge-triggered inside, so MHD also says by when it
 * wants to run again, and a timer does that: without it, connections hang.
 */
#include "daemon/http/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <microhttpd.h>

#include "daemon/base/log.h"
#include "daemon/http/admit.h"
#include "daemon/http/headers.h"
#include "daemon/http/listen.h"
#include "daemon/http/publish.h"
#include "daemon/http/routes.h"
#include "daemon/http/server_private.h"

#define IDLE_S      10     /* without a byte, except event streams */
#define READ_MS_MAX 30000  /* a request has to be whole by then, however it drips */
#define SEND_MS_MAX 120000 /* and its answer has to be gone */
/* After it was out of descriptors libmicrohttpd takes its listening socket back in only in the run
 * that follows the one in which a connection ended, and nothing else may ever call for that run. */
#define IDLE_RUN_MS       1000
#define REST_MS           100
#define WARN_AGAIN_MS     60000
#define CONNECTION_MEMORY (32u << 10)
#define REQUEST_BODY_MAX  (16u << 10)
#define BODY_READ_MAX     (1u << 20) /* read away, to be able to say that it is too much */

uint64_t server_now_ms(const struct server *server)
{
    return server->context->source.now_mono_ms();
}

const char *server_header(struct MHD_Connection *mhd, const char *name)
{
    const char *value = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);

    return value ? value : "";
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

static void on_timer(uv_timer_t *timer);

static void pump(struct server *server)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    MHD_run(server->daemon);
    if (server->is_resting)
        return; /* the timer has to end that */
    if (MHD_get_timeout(server->daemon, &timeout_ms) != MHD_YES || timeout_ms > IDLE_RUN_MS)
        timeout_ms = IDLE_RUN_MS;
    uv_timer_start(&server->timer, on_timer, timeout_ms, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_timer(uv_timer_t *timer)
{
    struct server *server = timer->data;

    if (server->is_resting) {
        server->is_resting = false;
        uv_poll_start(&server->poll, UV_READABLE, on_readable);
    }
    pump(server);
}

/* A connection that waits and cannot be accepted would wake the loop for ever. */
static void rest(struct server *server)
{
    if (server->warned_ms == 0 || server_now_ms(server) - server->warned_ms >= WARN_AGAIN_MS) {
        log_warning("http.descriptors", "none are left, new connections wait; raise LimitNOFILE");
        server->warned_ms = server_now_ms(server);
    }
    server->is_resting = true;
    uv_poll_stop(&server->poll);
    uv_timer_start(&server->timer, on_timer, REST_MS, 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct server *server = poll->data;

    (void)status;
    (void)events;
    pump(server);
    if (!listen_has_descriptors(server->options.fd))
        rest(server);
}

/* MHD looks at idle time alone; a byte now and then must not hold a connection for ever. */
static void sweep(struct server *server)
{
    uint64_t now = server_now_ms(server);

    for (struct connection *c = server->connections; c; c = c->next) {
        if (c->stream)
            wait_check_stream(c, now);
        if (c->deadline_ms && now >= c->deadline_ms)
            shutdown(c->fd, SHUT_RDWR);
    }
}

/* ---- answers ------------------------------------------------------------------------------------
 */

static void add_header(void *arg, const char *name, const char *value)
{
    MHD_add_response_header(arg, name, value);
}

static struct MHD_Response *make_response(struct http_reply *reply)
{
    size_t len;
    char *body;
    struct MHD_Response *response;

    if (reply->fixed)
        return MHD_create_response_from_buffer(reply->fixed_len, (void *)(uintptr_t)reply->fixed,
                                               MHD_RESPMEM_PERSISTENT);
    body = buf_take(&reply->body, &len);
    if (!body)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    response = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(body);
    return response;
}

static struct MHD_Response *make_any_response(struct exchange *exchange, struct http_reply *reply,
                                              bool is_head)
{
    struct MHD_Response *response;

    if (!reply->is_stream || is_head)
        return make_response(reply);
    response = wait_open_stream(exchange);
    if (response)
        return response;
    reply->is_stream = false;
    reply_problem(reply, 503, "too many clients of the event stream; close some");
    return make_response(reply);
}

/* MHD_NO makes MHD close the connection. */
static enum MHD_Result send_reply(struct exchange *exchange, struct http_reply *reply, bool is_head)
{
    struct MHD_Response *response = make_any_response(exchange, reply, is_head);
    enum MHD_Result result = MHD_NO;

    if (response) {
        headers_each(reply, add_header, response);
        if (!exchange->connection->stream)
            exchange->connection->deadline_ms =
                server_now_ms(exchange->connection->server) + SEND_MS_MAX;
        result = MHD_queue_response(exchange->mhd, reply->status, response);
        MHD_destroy_response(response);
    }
    return result;
}

/* ---- requests -----------------------------------------------------------------------------------
 */

struct host_seen {
    const char *value;
    unsigned count;
};

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct host_seen *seen = arg;

    (void)kind;
    if (strcasecmp(name, "Host") == 0) {
        seen->value = value;
        seen->count++;
    }
    return MHD_YES;
}

/* False: the reply is a refusal. */
static bool check_host(const struct server *server, struct MHD_Connection *mhd,
                       struct http_reply *reply)
{
    struct host_seen seen = {NULL, 0};

    if (server->options.is_unix)
        return true; /* no browser, and so no foreign page, speaks to a file */
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, on_header, &seen);
    return admit_host(seen.value, seen.count, server->options.port, server->options.external_url,
                      reply);
}

static size_t fill_reply(const struct server *server, const struct exchange *exchange,
                         const char *method, struct http_reply *reply)
{
    struct MHD_Connection *mhd = exchange->mhd;
    struct http_request request = {.method = method,
                                   .target = &exchange->target,
                                   .accept = server_header(mhd, "Accept"),
                                   .accept_encoding = server_header(mhd, "Accept-Encoding"),
                                   .if_none_match = server_header(mhd, "If-None-Match"),
                                   .last_event_id = server_header(mhd, "Last-Event-ID"),
                                   .content_type = server_header(mhd, "Content-Type"),
                                   .origin = server_header(mhd, "Origin"),
                                   .fetch_site = server_header(mhd, "Sec-Fetch-Site"),
                                   .later = exchange->later,
                                   .body = exchange->body.data,
                                   .body_len = exchange->body.len};

    if (!check_host(server, mhd, reply))
        return routes_none();
    request.has_foreign_origin =
        request.origin[0] &&
        !listen_origin_is_ours(request.origin, server->options.port, server->options.external_url);
    if (exchange->target_rc < 0) {
        reply_problem(reply, exchange->target_rc == -E2BIG ? 414 : 400, "%s",
                      exchange->target_error);
        return routes_none();
    }
    return routes_answer(server->context, &request, reply);
}

/* Ends the reply. */
static enum MHD_Result send_counted(struct server *server, struct exchange *exchange,
                                    struct http_reply *reply, size_t route, bool is_head)
{
    enum MHD_Result result = send_reply(exchange, reply, is_head);

    metrics_count_request(server->context->metrics, route, reply->status,
                          uv_hrtime() - exchange->started_ns);
    reply_done(reply);
    return result;
}

static enum MHD_Result answer(struct server *server, struct exchange *exchange, const char *method)
{
    struct http_reply reply;
    size_t route;

    reply_init(&reply);
    if (server->is_closing) {
        reply_problem(&reply, 503, "leakd is stopping; ask again in a moment");
        return send_counted(server, exchange, &reply, routes_none(), false);
    }
    route = fill_reply(server, exchange, method, &reply);
    if (reply.later) {
        wait_for(exchange, reply.later);
        reply_done(&reply);
        if (exchange->suspended)
            return MHD_YES; /* called again when there is more to say */
        return answer(server, exchange, method);
    }
    return send_counted(server, exchange, &reply, route, strcmp(method, "HEAD") == 0);
}

static enum MHD_Result refuse_body(struct server *server, struct exchange *exchange)
{
    struct http_reply reply;

    reply_init(&reply);
    reply_problem(&reply, 413, "a request has at most %u bytes of body here", REQUEST_BODY_MAX);
    return send_counted(server, exchange, &reply, routes_none(), false);
}

static bool says_too_much(struct MHD_Connection *mhd)
{
    const char *length = server_header(mhd, "Content-Length");

    return *length && strtoull(length, NULL, 10) > REQUEST_BODY_MAX;
}

/* Called first with the headers, then with each part of a body, then once more without one. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_len, void **state)
{
    struct exchange *exchange = *state;

    (void)url;
    (void)version;
    if (!exchange)
        return MHD_NO; /* there was no memory for it */
    if (!exchange->begun) {
        exchange->begun = true;
        exchange->started_ns = uv_hrtime();
        return says_too_much(mhd) ? refuse_body(arg, exchange) : MHD_YES;
    }
    if (*body_len > 0) {
        buf_put(&exchange->body, body, *body_len);
        exchange->body_bytes += *body_len;
        *body_len = 0;
        return exchange->body_bytes > BODY_READ_MAX ? MHD_NO : MHD_YES;
    }
    return exchange->body.failed ? refuse_body(arg, exchange) : answer(arg, exchange, method);
}

/* The request line is there: MHD's own reading of it is not used. */
static void *on_target(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    struct connection *connection =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    struct exchange *exchange = connection ? calloc(1, sizeof(*exchange)) : NULL;

    (void)arg;
    if (!exchange)
        return NULL;
    exchange->mhd = mhd;
    exchange->connection = connection;
    buf_init(&exchange->body, REQUEST_BODY_MAX);
    exchange->target_rc =
        target_parse(uri, strlen(uri), &exchange->target, &exchange->target_error);
    return exchange;
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *state;
    struct connection *connection;

    (void)arg;
    (void)mhd;
    (void)code;
    if (!exchange)
        return;
    connection = exchange->connection;
    connection->stream = NULL;
    wait_end(exchange);
    connection->deadline_ms = server_now_ms(connection->server) + READ_MS_MAX;
    if (exchange->client)
        events_leave(exchange->client, server_now_ms(connection->server));
    buf_done(&exchange->body);
    free(exchange);
    *state = NULL;
}

static void add_connection(struct server *server, struct MHD_Connection *mhd, void **context)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    *context = connection;
    if (!connection)
        return;
    connection->server = server;
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    connection->deadline_ms = server_now_ms(server) + READ_MS_MAX;
    connection->next = server->connections;
    if (connection->next)
        connection->next->prev = connection;
    server->connections = connection;
    server->context->connections++;
}

static void remove_connection(struct server *server, struct connection *connection)
{
    if (connection->prev)
        connection->prev->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next)
        connection->next->prev = connection->prev;
    server->context->connections--;
    free(connection);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = arg;

    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        add_connection(server, mhd, context);
    else if (*context)
        remove_connection(server, *context);
}

/* ---- start and stop -----------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 0))) static void on_mhd_log(void *arg, const char *format,
                                                             va_list args)
{
    char text[256];

    (void)arg;
    vsnprintf(text, sizeof(text), format, args);
    text[strcspn(text, "\r\n")] = '\0';
    log_debug("http.library", "message=\"%s\"", text);
}

/* MHD found itself broken. Going on would serve garbage; going silently would be worse. */
static void on_mhd_panic(void *arg, const char *file, unsigned line, const char *reason)
{
    (void)arg;
    log_error("http.panic", "file=%s line=%u reason=\"%s\" aborting", file, line,
              reason ? reason : "unknown");
    abort();
}

void server_set_panic(void)
{
    MHD_set_panic_func(on_mhd_panic, NULL);
}

static struct MHD_Daemon *start_daemon(struct server *server)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
        server, MHD_OPTION_LISTEN_SOCKET, server->options.fd, MHD_OPTION_EXTERNAL_LOGGER,
        on_mhd_log, NULL, MHD_OPTION_CONNECTION_LIMIT, server->options.connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, server, MHD_OPTION_END);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct server *server = handle->data;

    if (--server->handles > 0)
        return;
    if (server->on_closed)
        server->on_closed(server->on_closed_arg);
    free(server);
}

int server_open(uv_loop_t *loop, const struct server_options *options, struct server **out)
{
    struct server *server = calloc(1, sizeof(*server));
    int rc;

    if (!server)
        return -ENOMEM;
    server->options = *options;
    server->context = options->context;
    server->daemon = start_daemon(server);
    if (!server->daemon) {
        free(server);
        return -EMFILE; /* it does not say; memory and descriptors are all it needs */
    }
    rc = uv_poll_init(loop, &server->poll,
                      MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    if (rc < 0) {
        MHD_stop_daemon(server->daemon);
        free(server);
        return rc;
    }
    uv_timer_init(loop, &server->timer);
    server->poll.data = server;
    server->timer.data = server;
    server->handles = 2;
    rc = uv_poll_start(&server->poll, UV_READABLE, on_readable);
    if (rc < 0) {
        server_close(server, NULL, NULL);
        return rc;
    }
    pump(server);
    *out = server;
    return 0;
}

void server_close(struct server *server, void (*on_closed)(void *arg), void *arg)
{
    server->on_closed = on_closed;
    server->on_closed_arg = arg;
    server->is_closing = true;
    wait_stop(server);
    /* MHD must not be stopped while a connection is suspended: those that were resumed end now. */
    MHD_run(server->daemon);
    uv_close((uv_handle_t *)&server->poll, on_handle_closed);
    uv_close((uv_handle_t *)&server->timer, on_handle_closed);
    MHD_stop_daemon(server->daemon);
}

void server_tick(struct server *server)
{
    sweep(server);
    pump(server);
}
