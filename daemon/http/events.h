/* SPDX-License-Identifier: MIT */
/*
 * Server-sent events: one ring of what happened, shared by all clients, and a place in it for each.
 * Knows no sockets: server.c joins, reads and leaves. A client that falls behind is told
 * `event: lagged` and let go; it comes again and asks for everything anew.
 */
#ifndef LEAKD_HTTP_EVENTS_H
#define LEAKD_HTTP_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENTS_CLIENTS_MAX   200
#define EVENTS_LAG_BYTES_MAX (64u << 10)
#define EVENTS_HEARTBEAT_MS  15000

struct events;
struct event_client;

/* Ids begin at first_id: the wall clock, so that they grow over restarts too. */
int events_new(uint64_t first_id, struct events **out);
void events_free(struct events *events); /* no client may be left */

/* on_ready is called (never from within this room's other callbacks) when a client that had
 * nothing to read has something, or has ended. last_event_id: "" for a new client. -EBUSY when
 * there are EVENTS_CLIENTS_MAX already. */
int events_join(struct events *events, const char *last_event_id, uint64_t now_ms,
                void (*on_ready)(void *arg), void *arg, struct event_client **out);
void events_leave(struct event_client *client, uint64_t now_ms);

/* Up to max bytes of the stream; 0: nothing now, or ended. */
size_t events_read(struct event_client *client, char *out, size_t max, uint64_t now_ms);
bool events_has_ended(const struct event_client *client);
/* It was let go, but has not read its last words yet. */
bool events_is_ending(const struct event_client *client);

/* Puts an event into the ring; data is one line of JSON. on_ready waits for events_flush. */
void events_push(struct events *events, const char *name, const char *data, size_t len);
/* An event for this client alone, before what the ring holds; it has no id. */
void events_greet(struct event_client *client, const char *name, const char *data, size_t len);

/* Before the pushes of a tick: finds who lags. */
void events_begin_tick(struct events *events);
/* After them: heartbeats, and on_ready for everybody with something to read. */
void events_end_tick(struct events *events, uint64_t now_ms);

/* Nobody listens and nobody will resume: pushes may be left out. Then the ring is to be cleared. */
bool events_is_idle(const struct events *events, uint64_t now_ms);
void events_clear(struct events *events);

/* Ends every stream. */
void events_end_all(struct events *events);

size_t events_client_count(const struct events *events);
uint64_t events_lagged_total(const struct events *events);

#endif
