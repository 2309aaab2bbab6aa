/* SPDX-License-Identifier: MIT */
/*
 * Parameters of the query, checked. Each reader returns true and writes *out (the default when the
 * parameter is not there), or makes the reply a 400 that names the parameter and returns false.
 */
#ifndef LEAKD_HTTP_PARAM_H
#define LEAKD_HTTP_PARAM_H

#include "daemon/http/reply.h"

/* known: names separated by blanks, "" for none. A slip in a name must not pass as a default. */
bool param_only(const struct http_request *request, struct http_reply *reply, const char *known);

bool param_u64(const struct http_request *request, struct http_reply *reply, const char *name,
               uint64_t least, uint64_t most, uint64_t otherwise, uint64_t *out);

/* choices: separated by blanks; *out is the index in that list. */
bool param_choice(const struct http_request *request, struct http_reply *reply, const char *name,
                  const char *choices, unsigned otherwise, unsigned *out);

/* Milliseconds since 1970 or RFC 3339 ("2026-11-22T09:00:00Z", "+01:00"). */
bool param_time_ms(const struct http_request *request, struct http_reply *reply, const char *name,
                   uint64_t otherwise, uint64_t *out);

/* A span: milliseconds, or with a unit "10s", "5m", "1h", "2d". */
bool param_read_span(const char *text, uint64_t *out);
bool param_span_ms(const struct http_request *request, struct http_reply *reply, const char *name,
                   uint64_t otherwise, uint64_t *out);

/* A position in a list: a time and the id of the last row that was given. is_set is false at
 * the beginning. Opaque to clients. */
struct cursor {
    bool is_set;
    uint64_t time_ms;
    char id[40];
};
bool param_cursor(const struct http_request *request, struct http_reply *reply, struct cursor *out);
/* Sets Link: <path?limit=...&cursor=...>; rel="next". */
void reply_set_next(struct http_reply *reply, const char *path, uint64_t limit, uint64_t time_ms,
                    const char *id);

#endif
