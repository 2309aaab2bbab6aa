/* SPDX-License-Identifier: MIT */
#include "daemon/alert/kind.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "leakd_version.h"

int attempt_add(struct attempt *attempt, const char *name, const char *value)
{
    char *text;

    if (attempt->count == ATTEMPT_HEADERS_MAX)
        return -ENOSPC;
    text = attempt->texts[attempt->count];
    if (snprintf(text, ATTEMPT_HEADER_SIZE, "%s: %s", name, value) >= ATTEMPT_HEADER_SIZE)
        return -ENOSPC;
    attempt->headers[attempt->count++] = text;
    attempt->headers[attempt->count] = NULL;
    return 0;
}

/* Standard Webhooks 1.0.0. Without a secret the receiver gets no signature. */
static int webhook_headers(const struct conf_receiver *receiver, const char *id, uint64_t now_s,
                           const char *body, size_t body_len, struct attempt *out)
{
    char timestamp[24], signature[64];
    int rc = 0;

    snprintf(timestamp, sizeof(timestamp), "%" PRIu64, now_s);
    *out = (struct attempt){0};
    if (receiver->secret_value[0])
        rc = alert_sign(receiver->secret_value, id, now_s, body, body_len, signature,
                        sizeof(signature));
    if (rc < 0)
        return rc;
    if (attempt_add(out, "content-type", "application/json") < 0 ||
        attempt_add(out, "user-agent", "leakd/" LEAKD_VERSION) < 0 ||
        attempt_add(out, "webhook-id", id) < 0 ||
        attempt_add(out, "webhook-timestamp", timestamp) < 0)
        return -ENOSPC;
    return receiver->secret_value[0] ? attempt_add(out, "webhook-signature", signature) : 0;
}

static const struct receiver_kind kinds[] = {
    {.name = "webhook", .write_body = alert_write_body, .put_headers = webhook_headers},
};

const struct receiver_kind *receiver_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    }
    return NULL;
}
