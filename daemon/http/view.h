/* SPDX-License-Identifier: MIT */
/*
 * The shapes of the API, version 1, one writer each. They are a contract: fields are added, never
 * changed. Each writes one value under key (NULL in an array or at the top). Nothing is kept.
 */
#ifndef LEAKD_HTTP_VIEW_H
#define LEAKD_HTTP_VIEW_H

#include "daemon/base/json.h"
#include "daemon/http/http.h"

#define VIEW_FRAMES_MAX 128

void view_growth(struct json *json, const char *key, const struct growth *growth);
void view_forecast(struct json *json, const char *key, const struct forecast *forecast);
/* Function (or where it is when it has no name) under key, then file, line, module and language. */
void view_place(struct json *json, const char *key, const struct frame *frame);
/* {function, file, line, module}; NULL: null. */
void view_culprit_frame(struct json *json, const char *key, const struct frame *frame);
/* The same name as text. */
void view_place_name(const struct frame *frame, char *out, size_t size);
/* 0 is null. */
void view_time(struct json *json, const char *key, uint64_t wall_ms);

void view_process(struct json *json, const char *key, const struct http_source *source,
                  const struct process *process);
/* With what one only asks of a single one: the tests behind its verdict. */
void view_process_whole(struct json *json, const char *key, const struct http_source *source,
                        const struct process *process);
void view_site(struct json *json, const char *key, const struct http_source *source,
               const struct process *process, const struct site *site);
void view_type(struct json *json, const char *key, const struct http_source *source,
               const struct process *process, const struct type *type);
void view_frozen_site(struct json *json, const char *key, const struct frozen_site *site);
void view_frozen_type(struct json *json, const char *key, const struct frozen_type *type);
void view_incident(struct json *json, const char *key, const struct http_source *source,
                   const struct incident *incident);
/* Within an object that is open. */
void view_incident_fields(struct json *json, const struct http_source *source,
                          const struct incident *incident);
/* Earlier and later incidents of the same fingerprint, newest first, in short. */
void view_history(struct json *json, const char *key, const struct store *store,
                  const struct incident *incident);
void view_mark(struct json *json, const char *key, const struct operator_mark *mark);
void view_status(struct json *json, const char *key, const struct http_source *source,
                 uint64_t started_wall_ms, size_t event_clients);

void view_retainer(struct json *json, const char *key, const struct retainer *retainer);
/* whole: with types and retainers. */
void view_snapshot(struct json *json, const char *key, const struct snapshot *snapshot, bool whole);

/* {function, file, line} of the frame to look at in the site that grows fastest, or null. */
void view_culprit(struct json *json, const char *key, const struct http_source *source,
                  const struct process *process);

#endif
