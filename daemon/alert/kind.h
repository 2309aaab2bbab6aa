/* SPDX-License-Identifier: MIT */
/*
 * The types of receivers: a row each, found by the name that conf has in `type`. A notice waits as
 * the body of alert_write_body whatever the type, which holds no secret; what a type sends is made
 * of that anew at every attempt, for it may hold a secret or the time.
 */
#ifndef LEAKD_ALERT_KIND_H
#define LEAKD_ALERT_KIND_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/alert/alert.h"
#include "daemon/alert/outbox.h"
#include "daemon/base/buf.h"

#define ATTEMPT_HEADERS_MAX 8
#define ATTEMPT_HEADER_SIZE 768
#define ATTEMPT_BODY_MAX    (4u << 20) /* of an Alertmanager's reminder; others are small */

/* What one attempt sends. */
struct attempt {
    char texts[ATTEMPT_HEADERS_MAX][ATTEMPT_HEADER_SIZE]; /* "name: value" */
    const char *headers[ATTEMPT_HEADERS_MAX + 1];         /* NULL-terminated, into texts */
    size_t count;
    const char *url;  /* addresses with blanks between them; borrowed of the receiver */
    const char *path; /* behind each of them; "" for none */
    struct buf body;
};

void attempt_init(struct attempt *attempt);
/* Forgets what is secret. */
void attempt_done(struct attempt *attempt);
/* -ENOSPC: it does not fit. */
int attempt_add(struct attempt *attempt, const char *name, const char *value);

/* What is to be sent: one notice, or all that stand. Linked by next. */
struct sending {
    const struct conf_receiver *receiver;
    const struct outbox_item *items;
    size_t count;
    uint64_t now_wall_ms;
    const char *page; /* the dashboard's address, "" = unknown */
};

struct receiver_kind {
    const char *name;
    struct outbox_rule rule;
    bool is_command; /* runs receiver->command with the body as its input; else POST */
    bool has_groups; /* the receiver does not group by itself */
    /* Fills in out, which is fresh. -ENOMEM, -EINVAL (a secret or a body that is none), -ENOSPC. */
    int (*write)(const struct sending *sending, struct attempt *out);
    enum alert_outcome (*judge)(int error, long http_status);
};

const struct receiver_kind *receiver_kind_find(const char *name); /* NULL: unknown */

/* ---- the rows, a file each ----------------------------------------------------------------- */

int webhook_write(const struct sending *sending, struct attempt *out);
int alertmanager_write(const struct sending *sending, struct attempt *out);
int slack_write(const struct sending *sending, struct attempt *out);
int pagerduty_write(const struct sending *sending, struct attempt *out);
int command_write(const struct sending *sending, struct attempt *out);

/* ---- what they share ----------------------------------------------------------------------- */

/* Adds content-type and user-agent. */
int attempt_add_json(struct attempt *attempt);
/* "2026-11-22T09:16:00.123Z" */
void time_text(uint64_t wall_ms, char *out, size_t size);
/* The bytes of text that fit into max_bytes without cutting a character. */
size_t text_fit(const char *text, size_t max_bytes);
/* "shop.py:48 remember()" of a waiting body's first site; false: nothing is known. */
struct json_tree;
bool culprit_text(const struct json_tree *data, char *out, size_t size);
/* "121.3 KiB/s (119.0 to 123.1)", false: unknown */
bool growth_text(const struct json_tree *data, char *out, size_t size);

#endif
