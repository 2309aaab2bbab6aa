/* SPDX-License-Identifier: MIT */
/* Start, stop and tick of the HTTP side: its sockets, its shared parts, one server a socket. */
#include "daemon/http/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/conf.h"
#include "daemon/http/context.h"
#include "daemon/http/listen.h"
#include "daemon/http/maps.h"
#include "daemon/http/publish.h"
#include "daemon/http/routes.h"
#include "daemon/http/server.h"

struct http {
    struct http_context context;
    struct publisher *publisher;
    struct server *servers[2]; /* TCP, Unix */
    size_t server_count;
    size_t servers_open;
    unsigned port;
    char external_url[256];
    char socket_path[CONF_PATH_MAX]; /* "" until it was made */
    struct stat socket_node;
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
};

static int open_server(struct http *http, uv_loop_t *loop, const struct conf *conf, int fd,
                       bool is_unix, char *error, size_t error_size)
{
    struct server_options options = {.context = &http->context,
                                     .fd = fd,
                                     .is_unix = is_unix,
                                     .port = http->port,
                                     .external_url = http->external_url,
                                     .connections_max = conf->http.connections_max};
    int rc = server_open(loop, &options, &http->servers[http->server_count]);

    if (rc < 0) {
        snprintf(error, error_size,
                 "the HTTP server does not start: %s; are there descriptors left (LimitNOFILE)?",
                 uv_strerror(rc));
        return rc;
    }
    http->server_count++;
    http->servers_open++;
    return 0;
}

static int open_tcp(struct http *http, uv_loop_t *loop, const struct conf *conf, char *error,
                    size_t error_size)
{
    int fd;
    int rc = listen_tcp(conf->http.listen, &fd, &http->port, error, error_size);

    return rc < 0 ? rc : open_server(http, loop, conf, fd, false, error, error_size);
}

static int open_unix(struct http *http, uv_loop_t *loop, const struct conf *conf, char *error,
                     size_t error_size)
{
    int fd;
    int rc = listen_unix(conf->http.socket, conf->user_mode ? 0600 : 0660, &fd, &http->socket_node,
                         error, error_size);

    if (rc < 0)
        return rc;
    snprintf(http->socket_path, sizeof(http->socket_path), "%s", conf->http.socket);
    return open_server(http, loop, conf, fd, true, error, error_size);
}

static int make_parts(struct http *http, uv_loop_t *loop)
{
    size_t label_count;
    const char *const *labels = routes_labels(&label_count);
    int rc = metrics_new(labels, label_count, &http->context.metrics);

    if (rc == 0)
        rc = events_new(http->context.started_wall_ms * 1000, &http->context.events);
    if (rc == 0)
        rc = maps_reader_new(loop, &http->context.maps);
    return rc == 0 ? publisher_new(&http->publisher) : rc;
}

static void finish(struct http *http)
{
    void (*on_stopped)(void *arg) = http->on_stopped;
    void *arg = http->on_stopped_arg;

    publisher_free(http->publisher);
    events_free(http->context.events);
    maps_reader_free(http->context.maps);
    metrics_free(http->context.metrics);
    free(http);
    if (on_stopped)
        on_stopped(arg);
}

static void on_server_closed(void *arg)
{
    struct http *http = arg;

    if (--http->servers_open == 0)
        finish(http);
}

int http_start(uv_loop_t *loop, const struct conf *conf, const struct http_source *source,
               struct http **out, unsigned *port, char *error, size_t error_size)
{
    struct http *http = calloc(1, sizeof(*http));
    /* Streams stay for hours: some connections are kept for everybody else. */
    size_t streams_max = conf->http.connections_max / 4 * 3;
    int rc;

    snprintf(error, error_size, "no memory for the HTTP server");
    if (!http)
        return -ENOMEM;
    server_set_panic();
    http->context.source = *source;
    http->context.started_wall_ms = source->now_wall_ms();
    http->context.streams_max = streams_max < EVENTS_CLIENTS_MAX ? streams_max : EVENTS_CLIENTS_MAX;
    snprintf(http->external_url, sizeof(http->external_url), "%s", conf->external_url);
    rc = make_parts(http, loop);
    if (rc == 0 && conf->http.listen[0])
        rc = open_tcp(http, loop, conf, error, error_size);
    if (rc == 0 && conf->http.socket[0])
        rc = open_unix(http, loop, conf, error, error_size);
    if (rc < 0) {
        http_stop(http, NULL, NULL);
        return rc;
    }
    error[0] = '\0';
    *port = http->port;
    *out = http;
    return 0;
}

void http_stop(struct http *http, void (*on_stopped)(void *arg), void *arg)
{
    http->on_stopped = on_stopped;
    http->on_stopped_arg = arg;
    http->context.stopping = true;
    if (http->context.events)
        events_end_all(http->context.events);
    if (http->socket_path[0])
        listen_unlink(http->socket_path, &http->socket_node);
    if (http->server_count == 0) {
        finish(http);
        return;
    }
    for (size_t i = 0; i < http->server_count; i++)
        server_close(http->servers[i], on_server_closed, http);
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
    for (size_t i = 0; i < http->server_count; i++)
        server_tick(http->servers[i]);
}
