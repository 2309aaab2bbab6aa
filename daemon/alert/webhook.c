/* SPDX-License-Identifier: MIT */
/* Standard Webhooks 1.0.0, and the same body for a command. Without a secret nothing is signed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/alert/kind.h"

#define SIGNATURE_SIZE 64

/* Both keys sign while the receiver learns the new one, the new one first. */
static int sign(const struct conf_receiver *receiver, const struct outbox_item *item,
                uint64_t now_s, struct attempt *out)
{
    char one[SIGNATURE_SIZE], other[SIGNATURE_SIZE], both[2 * SIGNATURE_SIZE];
    int rc = alert_sign(receiver->secret_value, item->id, now_s, item->body, item->body_len, one,
                        sizeof(one));

    if (rc < 0)
        return rc;
    if (!receiver->secret_old_value[0])
        return attempt_add(out, "webhook-signature", one);
    rc = alert_sign(receiver->secret_old_value, item->id, now_s, item->body, item->body_len, other,
                    sizeof(other));
    if (rc < 0)
        return rc;
    snprintf(both, sizeof(both), "%s %s", one, other);
    return attempt_add(out, "webhook-signature", both);
}

int webhook_write(const struct sending *sending, struct attempt *out)
{
    const struct outbox_item *item = sending->items;
    uint64_t now_s = sending->now_wall_ms / 1000;
    char timestamp[24];
    int rc = attempt_add_json(out);

    snprintf(timestamp, sizeof(timestamp), "%" PRIu64, now_s);
    if (rc == 0)
        rc = attempt_add(out, "webhook-id", item->id);
    if (rc == 0)
        rc = attempt_add(out, "webhook-timestamp", timestamp);
    if (rc == 0 && sending->receiver->secret_value[0])
        rc = sign(sending->receiver, item, now_s, out);
    if (rc < 0)
        return rc;
    out->url = sending->receiver->url;
    buf_put(&out->body, item->body, item->body_len);
    return out->body.failed ? -ENOMEM : 0;
}

int command_write(const struct sending *sending, struct attempt *out)
{
    buf_put(&out->body, sending->items->body, sending->items->body_len);
    buf_putc(&out->body, '\n');
    return out->body.failed ? -ENOMEM : 0;
}
