/* SPDX-License-Identifier: MIT */
/* The types of receivers: a row each, found by the name that conf has in `type`. */
#ifndef LEAKD_ALERT_KIND_H
#define LEAKD_ALERT_KIND_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/alert/alert.h"

#define ATTEMPT_HEADERS_MAX 8
#define ATTEMPT_HEADER_SIZE 192

/* The headers of one attempt: "name: value". */
struct attempt {
    char texts[ATTEMPT_HEADERS_MAX][ATTEMPT_HEADER_SIZE];
    const char *headers[ATTEMPT_HEADERS_MAX + 1]; /* NULL-terminated, into texts */
    size_t count;
};

struct receiver_kind {
    const char *name;
    /* Once a notice, when it is queued. */
    void (*write_body)(const struct notice *notice, const char *link, struct buf *out);
    /* Once an attempt. id stays the same over the attempts of a notice, now_s does not. */
    int (*put_headers)(const struct conf_receiver *receiver, const char *id, uint64_t now_s,
                       const char *body, size_t body_len, struct attempt *out);
};

const struct receiver_kind *receiver_kind_find(const char *name); /* NULL: unknown */

/* -ENOSPC: it does not fit. */
int attempt_add(struct attempt *attempt, const char *name, const char *value);

#endif
