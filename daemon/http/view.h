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
/* 0 is null. */
void view_time(struct json *json, const char *key, uint64_t wall_ms);

void view_process(struct json *json, const char *key, const struct http_source *source,
                  const struct process *process);
void view_site(struct json *json, const char *key, const struct http_source *source,
               const struct process *process, const struct site *site);
void view_type(struct json *json, const char *key, const struct http_source *source,
               const struct process *process, const struct type *type);
void view_frozen_site(struct json *json, const char *key, const struct frozen_site *site);
void view_frozen_type(struct json *json, const char *key, const struct frozen_type *type);
void view_incident(struct json *json, const char *key, const struct http_source *source,
                   const struct incident *incident);
void view_status(struct json *json, const char *key, const struct http_source *source,
                 uint64_t started_wall_ms, size_t event_clients);

void view_retainer(struct json *json, const char *key, const struct retainer *retainer);
/* whole: with types and retainers. */
void view_snapshot(struct json *json, const char *key, const struct snapshot *snapshot, bool whole);

/* {function, file, line} of the frame to look at in the site that grows fastest, or null. */
void view_culprit(struct json *json, const char *key, const struct http_source *source,
                  const struct process *process);

#endif
