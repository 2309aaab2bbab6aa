/* SPDX-License-Identifier: MIT */
/*
 * The only door to libmicrohttpd. Each listening socket has an MHD daemon without threads, whose
 * epoll descriptor libuv watches. That epoll is edge-triggered inside, so MHD also says by when it
 * wants to run again, and a timer does that: without it, connections hang.
 */
#include "daemon/http/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <microhttpd.h>

#include "daemon/base/conf.h"
#include "daemon/base/log.h"
#include "daemon/http/context.h"
#include "daemon/http/listen.h"
#include "daemon/http/publish.h"
#include "daemon/http/reply.h"
#include "daemon/http/routes.h"

#define IDLE_S            10        /* without a byte, except event streams */
#define READ_MS_MAX       30000     /* a request has to be whole by then, however it drips */
#define SEND_MS_MAX       120000    /* and its answer has to be gone */
#define LAST_WORDS_MS     10000     /* for a client that was let go to read that */
#define CONNECTION_MEMORY (32u << 10)
#define REQUEST_BODY_MAX  (64u << 10)
#define STREAM_BLOCK      4096
#define STREAM_SNDBUF     (64 << 10) /* else the kernel keeps megabytes for a reader that sleeps */

struct listener {
    struct http *http;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    bool is_unix;
    bool is_watched; /* poll and timer are initialised */
};

struct exchange;

struct connection {
    struct http *http;
    struct connection *next;
    struct connection *prev;
    int fd;
    uint64_t deadline_ms; /* 0 = none */
    struct exchange *stream;
};

/* A request and its answer. */
struct exchange {
    struct connection *connection;
    struct MHD_Connection *mhd;
    struct target target;
    int target_rc;
    const char *target_error;
    bool begun;
    size_t body_bytes;
    uint64_t started_ns;
    struct event_client *client;
    bool suspended;
    bool gone; /* the client of a stream hung up */
};

struct http {
    struct http_context context;
    struct publisher *publisher;
    struct listener listeners[2];
    size_t listener_count;
    struct connection *connections;
    unsigned port;
    unsigned streams_max;
    char external_url[256];
    char socket_path[CONF_PATH_MAX];
    struct stat socket_node;
    unsigned handles; /* not closed yet */
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
};

static uint64_t now_ms(const struct http *http)
{
    return http->context.source.now_mono_ms();
}

/* ---- the loop ----------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void pump(struct listener *listener)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    MHD_run(listener->daemon);
    if (MHD_get_timeout(listener->daemon, &timeout_ms) == MHD_YES)
        uv_timer_start(&listener->timer, on_timer, timeout_ms, 0);
    else
        uv_timer_stop(&listener->timer);
}

static void on_timer(uv_timer_t *timer)
{
    pump(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    pump(poll->data);
}

static void pump_all(struct http *http)
{
    for (size_t i = 0; i < http->listener_count; i++)
        pump(&http->listeners[i]);
}

/* ---- event streams ------------------------------------------------------------------------------ */

static void on_stream_ready(void *arg)
{
    struct exchange *exchange = arg;

    if (exchange->suspended) {
        exchange->suspended = false;
        MHD_resume_connection(exchange->mhd);
    }
}

static ssize_t on_stream_read(void *arg, uint64_t position, char *out, size_t max)
{
    struct exchange *exchange = arg;
    size_t len;

    (void)position;
    if (exchange->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    len = events_read(exchange->client, out, max, now_ms(exchange->connection->http));
    if (len > 0)
        return (ssize_t)len;
    if (events_has_ended(exchange->client))
        return MHD_CONTENT_READER_END_OF_STREAM;
    exchange->suspended = true;
    MHD_suspend_connection(exchange->mhd);
    return 0;
}

static const char *header(struct MHD_Connection *mhd, const char *name)
{
    const char *value = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);

    return value ? value : "";
}

static struct MHD_Response *open_stream(struct exchange *exchange)
{
    struct connection *connection = exchange->connection;
    struct http *http = connection->http;
    int size = STREAM_SNDBUF;
    struct MHD_Response *response;

    if (events_client_count(http->context.events) >= http->streams_max ||
        events_join(http->context.events, header(exchange->mhd, "Last-Event-ID"), now_ms(http),
                    on_stream_ready, exchange, &exchange->client) < 0)
        return NULL;
    publisher_greet(&http->context, exchange->client);
    response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, on_stream_read,
                                                 exchange, NULL);
    if (!response)
        return NULL; /* the client leaves when the exchange ends */
    connection->stream = exchange;
    connection->deadline_ms = 0;
    MHD_set_connection_option(exchange->mhd, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    setsockopt(connection->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return response;
}

/* A suspended connection is not watched by MHD: whether its client is there is asked for here. */
static void check_stream(struct connection *connection, uint64_t now)
{
    struct exchange *exchange = connection->stream;
    char byte;
    ssize_t len;

    if (exchange->suspended) {
        len = recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        exchange->gone = len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR);
        if (exchange->gone)
            on_stream_ready(exchange);
    } else if (events_is_ending(exchange->client) && connection->deadline_ms == 0) {
        connection->deadline_ms = now + LAST_WORDS_MS;
    }
}

/* MHD looks at idle time alone; a byte now and then must not hold a connection for ever. */
static void sweep(struct http *http)
{
    uint64_t now = now_ms(http);

    for (struct connection *c = http->connections; c; c = c->next) {
        if (c->stream)
            check_stream(c, now);
        if (c->deadline_ms && now >= c->deadline_ms)
            shutdown(c->fd, SHUT_RDWR);
    }
}

/* ---- answers ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const char *value;
} security_headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
     "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static void add_headers(struct MHD_Response *response, const struct http_reply *reply)
{
    static const char *const caches[] = {"no-store", "no-cache",
                                         "private, max-age=31536000, immutable"};

    for (size_t i = 0; i < sizeof(security_headers) / sizeof(security_headers[0]); i++)
        MHD_add_response_header(response, security_headers[i].name, security_headers[i].value);
    MHD_add_response_header(response, "Cache-Control", caches[reply->cache]);
    if (reply->status != 304)
        MHD_add_response_header(response, "Content-Type", reply->content_type);
    if (reply->etag[0])
        MHD_add_response_header(response, "ETag", reply->etag);
    if (reply->is_gzip)
        MHD_add_response_header(response, "Content-Encoding", "gzip");
    if (reply->varies)
        MHD_add_response_header(response, "Vary", "Accept-Encoding");
    if (reply->link[0])
        MHD_add_response_header(response, "Link", reply->link);
    if (reply->allow)
        MHD_add_response_header(response, "Allow", reply->allow);
    if (reply->status == 503)
        MHD_add_response_header(response, "Retry-After", "5");
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
    response = open_stream(exchange);
    if (response)
        return response;
    reply->is_stream = false;
    reply_problem(reply, 503, "too many clients of the event stream; close some");
    return make_response(reply);
}

/* MHD_NO makes MHD close the connection. */
static enum MHD_Result send_reply(struct exchange *exchange, struct http_reply *reply,
                                  bool is_head)
{
    struct MHD_Response *response = make_any_response(exchange, reply, is_head);
    enum MHD_Result result = MHD_NO;

    if (response) {
        add_headers(response, reply);
        if (!exchange->connection->stream)
            exchange->connection->deadline_ms = now_ms(exchange->connection->http) + SEND_MS_MAX;
        result = MHD_queue_response(exchange->mhd, reply->status, response);
        MHD_destroy_response(response);
    }
    return result;
}

/* ---- requests ----------------------------------------------------------------------------------- */

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
static bool check_host(const struct listener *listener, struct MHD_Connection *mhd,
                       struct http_reply *reply)
{
    struct host_seen seen = {NULL, 0};

    if (listener->is_unix)
        return true; /* no browser, and so no foreign page, speaks to a file */
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, on_header, &seen);
    if (seen.count > 1) {
        reply_problem(reply, 400, "the request has more than one Host header");
        return false;
    }
    if (seen.value && listen_host_is_ours(seen.value, listener->http->port,
                                          listener->http->external_url))
        return true;
    reply_problem(reply, 421,
                  "leakd answers as 127.0.0.1:%u, [::1]:%u and localhost:%u only; set external_url "
                  "in its configuration to the address that people use",
                  listener->http->port, listener->http->port, listener->http->port);
    return false;
}

static size_t fill_reply(const struct listener *listener, const struct exchange *exchange,
                         const char *method, struct http_reply *reply)
{
    struct MHD_Connection *mhd = exchange->mhd;
    struct http_request request = {.method = method,
                                   .target = &exchange->target,
                                   .accept = header(mhd, "Accept"),
                                   .accept_encoding = header(mhd, "Accept-Encoding"),
                                   .if_none_match = header(mhd, "If-None-Match"),
                                   .last_event_id = header(mhd, "Last-Event-ID")};

    if (!check_host(listener, mhd, reply))
        return routes_none();
    if (exchange->target_rc < 0) {
        reply_problem(reply, exchange->target_rc == -E2BIG ? 414 : 400, "%s",
                      exchange->target_error);
        return routes_none();
    }
    return routes_answer(&listener->http->context, &request, reply);
}

static enum MHD_Result answer(const struct listener *listener, struct exchange *exchange,
                              const char *method)
{
    struct http_reply reply;
    enum MHD_Result result;
    size_t route;

    reply_init(&reply);
    route = fill_reply(listener, exchange, method, &reply);
    result = send_reply(exchange, &reply, strcmp(method, "HEAD") == 0);
    metrics_count_request(listener->http->context.metrics, route, reply.status,
                          uv_hrtime() - exchange->started_ns);
    reply_done(&reply);
    return result;
}

static enum MHD_Result refuse_body(const struct listener *listener, struct exchange *exchange)
{
    struct http_reply reply;
    enum MHD_Result result;

    reply_init(&reply);
    reply_problem(&reply, 413, "a request has at most %u bytes of body here", REQUEST_BODY_MAX);
    result = send_reply(exchange, &reply, false);
    metrics_count_request(listener->http->context.metrics, routes_none(), reply.status, 0);
    reply_done(&reply);
    return result;
}

static bool says_too_much(struct MHD_Connection *mhd)
{
    const char *length = header(mhd, "Content-Length");

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
    (void)body;
    if (!exchange)
        return MHD_NO; /* there was no memory for it */
    if (!exchange->begun) {
        exchange->begun = true;
        exchange->started_ns = uv_hrtime();
        return says_too_much(mhd) ? refuse_body(arg, exchange) : MHD_YES;
    }
    if (*body_len > 0) {
        exchange->body_bytes += *body_len;
        *body_len = 0;
        return exchange->body_bytes > REQUEST_BODY_MAX ? MHD_NO : MHD_YES;
    }
    return answer(arg, exchange, method);
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
    connection->deadline_ms = now_ms(connection->http) + READ_MS_MAX;
    if (exchange->client)
        events_leave(exchange->client, now_ms(connection->http));
    free(exchange);
    *state = NULL;
}

static void add_connection(struct http *http, struct MHD_Connection *mhd, void **context)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    *context = connection;
    if (!connection)
        return;
    connection->http = http;
    connection->fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    connection->deadline_ms = now_ms(http) + READ_MS_MAX;
    connection->next = http->connections;
    if (connection->next)
        connection->next->prev = connection;
    http->connections = connection;
    http->context.connections++;
}

static void remove_connection(struct http *http, struct connection *connection)
{
    if (connection->prev)
        connection->prev->next = connection->next;
    else
        http->connections = connection->next;
    if (connection->next)
        connection->next->prev = connection->prev;
    http->context.connections--;
    free(connection);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct listener *listener = arg;

    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        add_connection(listener->http, mhd, context);
    else if (*context)
        remove_connection(listener->http, *context);
}

/* ---- start and stop ----------------------------------------------------------------------------- */

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

static int start_daemon(struct listener *listener, int fd, unsigned connections_max)
{
    listener->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
        listener, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL,
        MHD_OPTION_CONNECTION_LIMIT, connections_max, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, listener, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, listener, MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener,
        MHD_OPTION_END);
    return listener->daemon ? 0 : -EIO;
}

static int add_listener(struct http *http, int fd, bool is_unix, const struct conf *conf,
                        char *error, size_t error_size)
{
    struct listener *listener = &http->listeners[http->listener_count];

    listener->http = http;
    listener->is_unix = is_unix;
    if (start_daemon(listener, fd, conf->http.connections_max) < 0) {
        close(fd);
        snprintf(error, error_size, "the HTTP library does not start: are there descriptors left "
                                    "(LimitNOFILE)?");
        return -EIO;
    }
    http->listener_count++;
    return 0;
}

static int listen_all(struct http *http, const struct conf *conf, char *error, size_t error_size)
{
    int fd, rc;

    if (conf->http.listen[0]) {
        rc = listen_tcp(conf->http.listen, &fd, &http->port, error, error_size);
        if (rc == 0)
            rc = add_listener(http, fd, false, conf, error, error_size);
        if (rc < 0)
            return rc;
    }
    if (!conf->http.socket[0])
        return 0;
    rc = listen_unix(conf->http.socket, conf->user_mode ? 0600 : 0660, &fd, &http->socket_node,
                     error, error_size);
    if (rc < 0)
        return rc;
    snprintf(http->socket_path, sizeof(http->socket_path), "%s", conf->http.socket);
    return add_listener(http, fd, true, conf, error, error_size);
}

static int watch(struct http *http, uv_loop_t *loop, struct listener *listener)
{
    int fd = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    int rc = uv_poll_init(loop, &listener->poll, fd);

    if (rc < 0)
        return rc;
    uv_timer_init(loop, &listener->timer);
    listener->poll.data = listener;
    listener->timer.data = listener;
    listener->is_watched = true;
    http->handles += 2;
    return uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static int make_parts(struct http *http)
{
    size_t label_count;
    const char *const *labels = routes_labels(&label_count);
    int rc = metrics_new(labels, label_count, &http->context.metrics);

    if (rc == 0)
        rc = events_new(http->context.started_wall_ms * 1000, &http->context.events);
    return rc == 0 ? publisher_new(&http->publisher) : rc;
}

static void free_http(struct http *http)
{
    publisher_free(http->publisher);
    events_free(http->context.events);
    metrics_free(http->context.metrics);
    free(http);
}

static void finish(struct http *http)
{
    void (*on_stopped)(void *arg) = http->on_stopped;
    void *arg = http->on_stopped_arg;

    free_http(http);
    if (on_stopped)
        on_stopped(arg);
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;

    if (--listener->http->handles == 0)
        finish(listener->http);
}

static void close_listener(struct listener *listener)
{
    if (listener->is_watched) {
        uv_close((uv_handle_t *)&listener->poll, on_closed);
        uv_close((uv_handle_t *)&listener->timer, on_closed);
    }
    MHD_stop_daemon(listener->daemon);
}

int http_start(uv_loop_t *loop, const struct conf *conf, const struct http_source *source,
               struct http **out, unsigned *port, char *error, size_t error_size)
{
    struct http *http = calloc(1, sizeof(*http));
    unsigned share = conf->http.connections_max / 4 * 3;
    int rc;

    if (!http) {
        snprintf(error, error_size, "no memory for the HTTP server");
        return -ENOMEM;
    }
    MHD_set_panic_func(on_mhd_panic, NULL);
    http->context.source = *source;
    http->context.started_wall_ms = source->now_wall_ms();
    http->streams_max = share < EVENTS_CLIENTS_MAX ? share : EVENTS_CLIENTS_MAX;
    snprintf(http->external_url, sizeof(http->external_url), "%s", conf->external_url);
    snprintf(error, error_size, "no memory for the HTTP server");
    rc = make_parts(http);
    if (rc == 0)
        rc = listen_all(http, conf, error, error_size);
    for (size_t i = 0; i < http->listener_count && rc == 0; i++) {
        rc = watch(http, loop, &http->listeners[i]);
        if (rc < 0)
            snprintf(error, error_size, "the HTTP server cannot be watched: %s", uv_strerror(rc));
    }
    if (rc < 0) {
        http_stop(http, NULL, NULL);
        return rc;
    }
    error[0] = '\0';
    pump_all(http);
    *port = http->port;
    *out = http;
    return 0;
}

void http_stop(struct http *http, void (*on_stopped)(void *arg), void *arg)
{
    http->on_stopped = on_stopped;
    http->on_stopped_arg = arg;
    http->context.stopping = true;
    /* MHD must not be stopped while a connection is suspended. */
    if (http->context.events)
        events_end_all(http->context.events);
    for (size_t i = 0; i < http->listener_count; i++) {
        MHD_run(http->listeners[i].daemon);
        close_listener(&http->listeners[i]);
    }
    if (http->socket_path[0])
        listen_unlink(http->socket_path, &http->socket_node);
    if (http->handles == 0)
        finish(http);
}

void http_publish_process(struct http *http, const struct process *process)
{
    publisher_mark_process(http->publisher, process->id);
}

void http_publish_incident(struct http *http, const struct incident *incident)
{
    publisher_mark_incident(http->publisher, incident->id);
}

void http_tick(struct http *http)
{
    publisher_tick(http->publisher, &http->context);
    sweep(http);
    pump_all(http);
}
