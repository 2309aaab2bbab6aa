/* SPDX-License-Identifier: MIT */
#include "agent/link/order.h"

#include <errno.h>
#include <string.h>

#include "agent/core/core.h"
#include "agent/core/hot.h"
#include "agent/link/courier.h"

#define READS_MAX 64 /* in one flush: a daemon that talks without end is read on the next time */

/* Our orders are short; longer frames are a later daemon's and passed over. */
static struct {
    uint8_t bytes[2048]; /* an order of a snapshot names types */
    size_t len;
    size_t skip; /* bytes of a long frame that are still to come */
    uint64_t paused_until_ms;
} orders;

void order_start_anew(void)
{
    orders.len = 0;
    orders.skip = 0;
    orders.paused_until_ms = 0;
}

uint64_t order_paused_until_ms(void)
{
    return orders.paused_until_ms;
}

static int zoom(const struct wire_frame *frame)
{
    const struct core_runtime *runtime = core_runtime();
    struct wire_zoom order;

    if (wire_get_zoom(frame, &order) < 0)
        return -EBADMSG;
    core_set_period(order.period_bytes);
    if (runtime && runtime->attribute)
        runtime->attribute(order.python == 1);
    return 0;
}

static int take_snapshot(const struct wire_frame *frame)
{
    const struct core_runtime *runtime = core_runtime();
    struct wire_snapshot_order order;

    if (wire_get_snapshot_order(frame, &order) < 0)
        return -EBADMSG;
    if (runtime && runtime->snapshot)
        runtime->snapshot(&order, &courier);
    return 0;
}

static int pause_sending(const struct wire_frame *frame, uint64_t now_ms)
{
    struct wire_pause order;

    if (wire_get_pause(frame, &order) < 0)
        return -EBADMSG;
    orders.paused_until_ms = now_ms + order.duration_ms;
    return 0;
}

static int obey(const struct wire_frame *frame, uint64_t now_ms)
{
    struct wire_welcome welcome;

    switch (frame->type) {
    case WIRE_WELCOME:
        return wire_get_welcome(frame, &welcome);
    case WIRE_ZOOM:
        return zoom(frame);
    case WIRE_PAUSE:
        return pause_sending(frame, now_ms);
    case WIRE_SNAPSHOT_ORDER:
        return take_snapshot(frame);
    default:
        return 0; /* of a later version */
    }
}

static void drop_front(size_t len)
{
    orders.len -= len;
    memmove(orders.bytes, orders.bytes + len, orders.len);
}

static void skip_front(void)
{
    size_t len = orders.skip < orders.len ? orders.skip : orders.len;

    orders.skip -= len;
    drop_front(len);
}

/* A frame that will never fit into our buffer is skipped as it comes. */
static void note_long_frame(void)
{
    struct wire_rd rd;
    uint32_t body_len;

    wire_rd_init(&rd, orders.bytes, orders.len);
    body_len = wire_rd_u32(&rd);
    if (!rd.failed && WIRE_HEADER_BYTES + body_len > sizeof(orders.bytes))
        orders.skip = WIRE_HEADER_BYTES + body_len;
}

static int obey_all(uint64_t now_ms)
{
    struct wire_frame frame;
    long taken;

    skip_front();
    while ((taken = wire_frame_take(orders.bytes, orders.len, &frame)) > 0) {
        if (obey(&frame, now_ms) < 0)
            return -EBADMSG;
        drop_front((size_t)taken);
    }
    if (taken == 0)
        note_long_frame();
    skip_front();
    return taken < 0 ? (int)taken : 0;
}

int order_receive(const struct stream *stream, uint64_t now_ms)
{
    for (int turn = 0; turn < READS_MAX; turn++) {
        long received = stream_receive(stream, orders.bytes + orders.len,
                                       sizeof(orders.bytes) - orders.len);
        int rc;

        if (received <= 0)
            return (int)received;
        orders.len += (size_t)received;
        rc = obey_all(now_ms);
        if (rc < 0)
            return rc;
    }
    return 0;
}
