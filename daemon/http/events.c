/* SPDX-License-Identifier: MIT */
#include "daemon/http/events.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buf.h"

#define RING_EVENTS    4096
#define RING_BYTES_MAX (4u << 20)
#define GREETING_MAX   (64u << 10)
#define RESUME_WAIT_MS 60000
#define RETRY_MS       3000

/* Counted, because a client may be in the middle of one that has left the ring. */
struct event {
    unsigned refs;
    size_t len;
    char text[];
};

struct event_client {
    struct events *events;
    struct event_client *next;
    struct event_client *prev;
    uint64_t next_id;
    uint64_t position;     /* bytes ever pushed before next_id */
    struct event *current; /* the one that is being read */
    size_t current_read;
    struct buf own; /* what is for this client alone */
    size_t own_read;
    uint64_t read_ms; /* when it last got something */
    bool ending;      /* after what is in own */
    void (*on_ready)(void *arg);
    void *arg;
};

struct events {
    struct event *ring[RING_EVENTS]; /* by id % RING_EVENTS */
    uint64_t first_id;               /* oldest in the ring */
    uint64_t end_id;                 /* one behind the newest */
    size_t ring_bytes;
    uint64_t pushed_bytes;
    uint64_t tick_bytes; /* pushed_bytes when the last tick began */
    struct event_client *clients;
    size_t client_count;
    uint64_t left_ms; /* when the last client went, 0 = there was none */
    uint64_t lagged_total;
};

int events_new(uint64_t first_id, struct events **out)
{
    struct events *events = calloc(1, sizeof(*events));

    if (!events)
        return -ENOMEM;
    events->first_id = first_id;
    events->end_id = first_id;
    *out = events;
    return 0;
}

static void event_unref(struct event *event)
{
    if (event && --event->refs == 0)
        free(event);
}

static void drop_oldest(struct events *events)
{
    struct event **slot = &events->ring[events->first_id % RING_EVENTS];

    events->ring_bytes -= (*slot)->len;
    event_unref(*slot);
    *slot = NULL;
    events->first_id++;
}

void events_clear(struct events *events)
{
    while (events->first_id < events->end_id)
        drop_oldest(events);
    /* An id is left out, so that whoever saw the last one is told to reset. */
    events->first_id = ++events->end_id;
}

void events_free(struct events *events)
{
    if (!events)
        return;
    assert(!events->clients);
    while (events->first_id < events->end_id)
        drop_oldest(events);
    free(events);
}

/* ---- clients ----------------------------------------------------------------------------------
 */

static bool parse_id(const char *text, uint64_t *out)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static uint64_t bytes_from(const struct events *events, uint64_t id)
{
    uint64_t bytes = 0;

    for (; id < events->end_id; id++)
        bytes += events->ring[id % RING_EVENTS]->len;
    return bytes;
}

static void place_client(struct event_client *client, const char *last_event_id)
{
    struct events *events = client->events;
    uint64_t last = 0;
    bool resumes =
        parse_id(last_event_id, &last) && last + 1 >= events->first_id && last < events->end_id;

    client->next_id = resumes ? last + 1 : events->end_id;
    client->position = events->pushed_bytes - bytes_from(events, client->next_id);
    buf_printf(&client->own, "retry: %d\n\n", RETRY_MS);
    if (*last_event_id && !resumes)
        buf_printf(&client->own, "id: %" PRIu64 "\nevent: reset\ndata: {}\n\n", events->end_id - 1);
}

int events_join(struct events *events, const char *last_event_id, uint64_t now_ms,
                void (*on_ready)(void *arg), void *arg, struct event_client **out)
{
    struct event_client *client;

    if (events->client_count >= EVENTS_CLIENTS_MAX)
        return -EBUSY;
    client = calloc(1, sizeof(*client));
    if (!client)
        return -ENOMEM;
    client->events = events;
    client->on_ready = on_ready;
    client->arg = arg;
    client->read_ms = now_ms;
    buf_init(&client->own, GREETING_MAX);
    place_client(client, last_event_id);
    client->next = events->clients;
    if (client->next)
        client->next->prev = client;
    events->clients = client;
    events->client_count++;
    *out = client;
    return 0;
}

void events_leave(struct event_client *client, uint64_t now_ms)
{
    struct events *events = client->events;

    if (client->prev)
        client->prev->next = client->next;
    else
        events->clients = client->next;
    if (client->next)
        client->next->prev = client->prev;
    events->client_count--;
    events->left_ms = now_ms;
    event_unref(client->current);
    buf_done(&client->own);
    free(client);
}

static size_t copy_out(char *out, size_t max, const char *from, size_t len, size_t *read)
{
    size_t n = len - *read < max ? len - *read : max;

    memcpy(out, from + *read, n);
    *read += n;
    return n;
}

static size_t read_current(struct event_client *client, char *out, size_t max)
{
    struct event *event = client->current;
    size_t n = copy_out(out, max, event->text, event->len, &client->current_read);

    if (client->current_read == event->len) {
        client->position += event->len;
        client->current = NULL;
        event_unref(event);
    }
    return n;
}

static size_t read_own(struct event_client *client, char *out, size_t max)
{
    size_t n = copy_out(out, max, client->own.data, client->own.len, &client->own_read);

    if (client->own_read == client->own.len) {
        buf_done(&client->own);
        client->own_read = 0;
    }
    return n;
}

static bool take_next(struct event_client *client)
{
    struct events *events = client->events;

    if (client->ending || client->next_id >= events->end_id)
        return false;
    client->current = events->ring[client->next_id % RING_EVENTS];
    client->current->refs++;
    client->current_read = 0;
    client->next_id++;
    return true;
}

size_t events_read(struct event_client *client, char *out, size_t max, uint64_t now_ms)
{
    size_t done = 0;

    /* An event that was begun is ended first: half of one would be read as garbage. */
    while (done < max) {
        if (client->current)
            done += read_current(client, out + done, max - done);
        else if (client->own.len > client->own_read)
            done += read_own(client, out + done, max - done);
        else if (!take_next(client))
            break;
    }
    if (done > 0)
        client->read_ms = now_ms;
    return done;
}

static bool has_something(const struct event_client *client)
{
    return client->current || client->own.len > client->own_read ||
           (!client->ending && client->next_id < client->events->end_id);
}

bool events_has_ended(const struct event_client *client)
{
    return client->ending && !has_something(client);
}

bool events_is_ending(const struct event_client *client)
{
    return client->ending;
}

void events_greet(struct event_client *client, const char *name, const char *data, size_t len)
{
    buf_printf(&client->own, "event: %s\ndata: ", name);
    buf_put(&client->own, data, len);
    buf_puts(&client->own, "\n\n");
}

/* ---- the ring ---------------------------------------------------------------------------------
 */

static void end_client(struct event_client *client, const char *name)
{
    client->ending = true;
    events_greet(client, name, "{}", 2);
}

static void end_lagging(struct event_client *client)
{
    client->events->lagged_total++;
    end_client(client, "lagged");
}

/* Room for one more: whoever has not read what goes is let go. */
static void make_room(struct events *events, size_t len)
{
    while (events->first_id < events->end_id && (events->end_id - events->first_id == RING_EVENTS ||
                                                 events->ring_bytes + len > RING_BYTES_MAX)) {
        for (struct event_client *client = events->clients; client; client = client->next) {
            if (!client->ending && client->next_id == events->first_id)
                end_lagging(client);
        }
        drop_oldest(events);
    }
}

void events_push(struct events *events, const char *name, const char *data, size_t len)
{
    char head[96];
    int head_len =
        snprintf(head, sizeof(head), "id: %" PRIu64 "\nevent: %s\ndata: ", events->end_id, name);
    size_t total = (size_t)head_len + len + 2;
    struct event *event = malloc(sizeof(*event) + total);

    if (!event || total > RING_BYTES_MAX) {
        /* Nobody can be told this one; a lost event is worse than a reset. */
        free(event);
        for (struct event_client *client = events->clients; client; client = client->next) {
            if (!client->ending)
                end_lagging(client);
        }
        return;
    }
    make_room(events, total);
    event->refs = 1;
    event->len = total;
    memcpy(event->text, head, (size_t)head_len);
    memcpy(event->text + head_len, data, len);
    memcpy(event->text + head_len + len, "\n\n", 2);
    events->ring[events->end_id % RING_EVENTS] = event;
    events->end_id++;
    events->ring_bytes += total;
    events->pushed_bytes += total;
}

void events_begin_tick(struct events *events)
{
    uint64_t burst = events->pushed_bytes - events->tick_bytes;
    /* A tick in which everything changed may bring more than the cap at once: that is no lag yet.
     */
    uint64_t allowed = burst * 2 > EVENTS_LAG_BYTES_MAX ? burst * 2 : EVENTS_LAG_BYTES_MAX;

    for (struct event_client *client = events->clients; client; client = client->next) {
        if (!client->ending && events->pushed_bytes - client->position > allowed)
            end_lagging(client);
    }
    events->tick_bytes = events->pushed_bytes;
}

void events_end_tick(struct events *events, uint64_t now_ms)
{
    for (struct event_client *client = events->clients; client; client = client->next) {
        if (!has_something(client) && now_ms - client->read_ms >= EVENTS_HEARTBEAT_MS)
            buf_puts(&client->own, ":\n\n");
        if (has_something(client) || client->ending)
            client->on_ready(client->arg);
    }
}

bool events_is_idle(const struct events *events, uint64_t now_ms)
{
    return events->client_count == 0 &&
           (events->left_ms == 0 || now_ms - events->left_ms > RESUME_WAIT_MS);
}

void events_end_all(struct events *events)
{
    for (struct event_client *client = events->clients; client; client = client->next) {
        client->ending = true;
        client->on_ready(client->arg);
    }
}

size_t events_client_count(const struct events *events)
{
    return events->client_count;
}

uint64_t events_lagged_total(const struct events *events)
{
    return events->lagged_total;
}
