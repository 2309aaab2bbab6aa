/* SPDX-License-Identifier: MIT */
/* Exchanges that are suspended: event streams with nothing to say, and requests whose answer waits
 * for somebody slow. */
#include "daemon/http/server_private.h"

#include <errno.h>
#include <sys/socket.h>

#include "daemon/http/events.h"
#include "daemon/http/later.h"
#include "daemon/http/publish.h"

#define LAST_WORDS_MS 10000 /* for a client that was let go to read that */
#define STREAM_BLOCK  4096
#define STREAM_SNDBUF (64 << 10) /* else the kernel keeps megabytes for a reader that sleeps */

static void resume(void *arg)
{
    struct exchange *exchange = arg;

    if (exchange->suspended) {
        exchange->suspended = false;
        MHD_resume_connection(exchange->mhd);
    }
}

static void suspend(struct exchange *exchange)
{
    exchange->suspended = true;
    MHD_suspend_connection(exchange->mhd);
}

static ssize_t on_stream_read(void *arg, uint64_t position, char *out, size_t max)
{
    struct exchange *exchange = arg;
    size_t len;

    (void)position;
    if (exchange->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    len = events_read(exchange->client, out, max, server_now_ms(exchange->connection->server));
    if (len > 0)
        return (ssize_t)len;
    if (events_has_ended(exchange->client))
        return MHD_CONTENT_READER_END_OF_STREAM;
    suspend(exchange);
    return 0;
}

struct MHD_Response *wait_open_stream(struct exchange *exchange)
{
    struct connection *connection = exchange->connection;
    struct server *server = connection->server;
    struct events *events = server->context->events;
    int size = STREAM_SNDBUF;
    struct MHD_Response *response;

    if (events_client_count(events) >= server->context->streams_max ||
        events_join(events, server_header(exchange->mhd, "Last-Event-ID"), server_now_ms(server),
                    resume, exchange, &exchange->client) < 0)
        return NULL;
    publisher_greet(server->context, exchange->client);
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
void wait_check_stream(struct connection *connection, uint64_t now_ms)
{
    struct exchange *exchange = connection->stream;
    char byte;
    ssize_t len;

    if (exchange->suspended) {
        len = recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        exchange->gone = len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR);
        if (exchange->gone)
            resume(exchange);
    } else if (events_is_ending(exchange->client) && connection->deadline_ms == 0) {
        connection->deadline_ms = now_ms + LAST_WORDS_MS;
    }
}

/* ---- answers that come later ----------------------------------------------------------------- */

void wait_for(struct exchange *exchange, struct later *later)
{
    exchange->later = later;
    if (!later_wait(later, resume, exchange))
        return; /* it is there already */
    exchange->connection->waiting = exchange;
    suspend(exchange);
}

void wait_end(struct exchange *exchange)
{
    later_leave(exchange->later);
    exchange->later = NULL;
    exchange->connection->waiting = NULL;
}

void wait_stop(struct server *server)
{
    for (struct connection *c = server->connections; c; c = c->next) {
        struct exchange *exchange = c->waiting;

        if (!exchange)
            continue;
        wait_end(exchange);
        resume(exchange);
    }
}
