/* SPDX-License-Identifier: MIT */
/* Any bytes as a stream of frames: every frame through every reader, whatever its type says. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "agent/wire/record.h"

/* A record that is accepted must fit back into a frame no longer than the one it came from. */
#define ROUND_TRIP(record)                                                                         \
    do {                                                                                           \
        struct wire_##record value;                                                                \
                                                                                                   \
        if (wire_get_##record(frame, &value) == 0)                                                 \
            wrote(frame, wire_put_##record(fresh(&wr), &value), &wr);                              \
    } while (0)

static uint8_t buffer[1 << 17];

static struct wire_wr *fresh(struct wire_wr *wr)
{
    wire_wr_init(wr, buffer, sizeof(buffer));
    return wr;
}

/* HEALTH of an older agent lacks its last three numbers; written again it has them, as zeros. */
#define APPENDED_BYTES_MAX 24u

static void wrote(const struct wire_frame *frame, bool whole, const struct wire_wr *wr)
{
    if (!whole || wire_wr_len(wr) > WIRE_HEADER_BYTES + frame->body_len + APPENDED_BYTES_MAX)
        abort();
}

static void read_lists(const struct wire_frame *frame)
{
    struct wire_site_totals site;
    struct wire_type_totals type;
    struct wire_snapshot_type exact;
    uint32_t number;
    uint64_t token;
    struct wire_list list;

    if (wire_list_read(frame, &list) == 0)
        while (wire_list_next_site(&list, &site) == 1)
            continue;
    if (wire_list_read(frame, &list) == 0)
        while (wire_list_next_type(&list, &type) == 1)
            continue;
    if (wire_list_read_snapshot(frame, &list) == 0) {
        if (wire_get_snapshot_part(frame, &number, &token) != WIRE_SNAPSHOT_PART_TYPES)
            abort();
        while (wire_list_next_snapshot_type(&list, &exact) == 1)
            continue;
    }
}

static void read_everything(const struct wire_frame *frame)
{
    struct wire_wr wr;

    ROUND_TRIP(hello);
    ROUND_TRIP(module);
    ROUND_TRIP(name);
    ROUND_TRIP(site);
    ROUND_TRIP(totals);
    ROUND_TRIP(gc);
    ROUND_TRIP(heap);
    ROUND_TRIP(smaps);
    ROUND_TRIP(mark);
    ROUND_TRIP(health);
    ROUND_TRIP(bye);
    ROUND_TRIP(welcome);
    ROUND_TRIP(zoom);
    ROUND_TRIP(pause);
    ROUND_TRIP(snapshot_order);
    ROUND_TRIP(snapshot_state);
    ROUND_TRIP(snapshot_retainer);
    read_lists(frame);
    (void)wire_type_name(frame->type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_frame frame = {.body = data, .body_len = size};
    long taken;

    if (size <= WIRE_BODY_BYTES_MAX)
        read_everything(&frame);
    while ((taken = wire_frame_take(data, size, &frame)) > 0) {
        read_everything(&frame);
        data += taken;
        size -= (size_t)taken;
    }
    return 0;
}
