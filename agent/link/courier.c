/* SPDX-License-Identifier: MIT */
#include "agent/link/courier.h"

#include "agent/link/stream.h"

#define WAIT_MS   500
#define WAITS_MAX 20 /* a daemon that does not read for so long will not read this any more */

/* Used in the copy alone, whose memory nobody else sees. */
static struct stream stream = {.fd = -1};
static const char *socket_path;

void courier_init(const char *path)
{
    socket_path = path;
}

static bool courier_open(void)
{
    return stream_open(&stream, socket_path) == 0;
}

static bool courier_send(const void *data, size_t len)
{
    const char *rest = data;
    int waits = 0;

    while (len > 0) {
        long sent = stream_send(&stream, rest, len);

        if (sent < 0 || (sent == 0 && waits++ == WAITS_MAX))
            return false;
        if (sent == 0)
            stream_wait_writable(&stream, WAIT_MS);
        rest += sent;
        len -= (size_t)sent;
    }
    return true;
}

const struct core_courier courier = {.open = courier_open, .send = courier_send};
