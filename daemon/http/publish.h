/* SPDX-License-Identifier: MIT */
/* Tells the clients of the event stream what changed: revisions are compared once a second. */
#ifndef LEAKD_HTTP_PUBLISH_H
#define LEAKD_HTTP_PUBLISH_H

#include <stdint.h>

struct event_client;
struct http_context;
struct publisher;

int publisher_new(struct publisher **out);
void publisher_free(struct publisher *publisher);

/* The next tick tells it, whatever its revision says. */
void publisher_mark_process(struct publisher *publisher, const char *id);
void publisher_mark_incident(struct publisher *publisher, const char *id);

void publisher_tick(struct publisher *publisher, struct http_context *context);

/* The first thing a client hears: the status. */
void publisher_greet(struct http_context *context, struct event_client *client);

#endif
