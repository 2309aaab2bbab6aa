/* SPDX-License-Identifier: MIT */
/* The records of snapshots. */
#include <errno.h>

#include "agent/wire/record.h"

bool wire_put_snapshot_order(struct wire_wr *wr, const struct wire_snapshot_order *order)
{
    wire_frame_begin(wr, WIRE_SNAPSHOT_ORDER);
    wire_wr_u32(wr, order->number);
    wire_wr_u64(wr, order->token);
    wire_wr_u64(wr, order->memory_bytes);
    wire_wr_u32(wr, order->seconds);
    wire_wr_u8(wr, order->type_count);
    for (size_t i = 0; i < order->type_count; i++)
        wire_wr_str(wr, order->types[i].data, order->types[i].len);
    return wire_frame_end(wr);
}

int wire_get_snapshot_order(const struct wire_frame *frame, struct wire_snapshot_order *out)
{
    struct wire_snapshot_order order = {0};
    struct wire_rd rd;

    wire_rd_init(&rd, frame->body, frame->body_len);
    order.number = wire_rd_u32(&rd);
    order.token = wire_rd_u64(&rd);
    order.memory_bytes = wire_rd_u64(&rd);
    order.seconds = wire_rd_u32(&rd);
    order.type_count = wire_rd_u8(&rd);
    if (order.type_count > WIRE_SNAPSHOT_ASKED_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < order.type_count; i++)
        order.types[i] = wire_rd_str(&rd);
    if (rd.failed || order.number == 0)
        return -EBADMSG;
    *out = order;
    return 0;
}

static void begin(struct wire_wr *wr, uint32_t number, uint64_t token, enum wire_snapshot_part part)
{
    wire_frame_begin(wr, WIRE_SNAPSHOT);
    wire_wr_u32(wr, number);
    wire_wr_u64(wr, token);
    wire_wr_u8(wr, (uint8_t)part);
}

/* Opens the body behind what all parts begin with. False when it is another part. */
static bool open_part(const struct wire_frame *frame, enum wire_snapshot_part wanted,
                      struct wire_rd *rd, uint32_t *number, uint64_t *token)
{
    wire_rd_init(rd, frame->body, frame->body_len);
    *number = wire_rd_u32(rd);
    *token = wire_rd_u64(rd);
    return wire_rd_u8(rd) == wanted && !rd->failed && *number != 0;
}

int wire_get_snapshot_part(const struct wire_frame *frame, uint32_t *number, uint64_t *token)
{
    struct wire_rd rd;
    uint8_t part;

    wire_rd_init(&rd, frame->body, frame->body_len);
    *number = wire_rd_u32(&rd);
    *token = wire_rd_u64(&rd);
    part = wire_rd_u8(&rd);
    return rd.failed || *number == 0 ? -EBADMSG : part;
}

bool wire_put_snapshot_state(struct wire_wr *wr, const struct wire_snapshot_state *state)
{
    begin(wr, state->number, state->token, WIRE_SNAPSHOT_PART_STATE);
    wire_wr_u8(wr, state->progress);
    wire_wr_u8(wr, state->flags);
    wire_wr_u64(wr, state->pause_ns);
    wire_wr_u64(wr, state->objects);
    wire_wr_u64(wr, state->bytes);
    wire_wr_u64(wr, state->duration_ns);
    wire_wr_str(wr, state->reason.data, state->reason.len);
    return wire_frame_end(wr);
}

int wire_get_snapshot_state(const struct wire_frame *frame, struct wire_snapshot_state *out)
{
    struct wire_snapshot_state state = {0};
    struct wire_rd rd;

    if (!open_part(frame, WIRE_SNAPSHOT_PART_STATE, &rd, &state.number, &state.token))
        return -EBADMSG;
    state.progress = wire_rd_u8(&rd);
    state.flags = wire_rd_u8(&rd);
    state.pause_ns = wire_rd_u64(&rd);
    state.objects = wire_rd_u64(&rd);
    state.bytes = wire_rd_u64(&rd);
    state.duration_ns = wire_rd_u64(&rd);
    state.reason = wire_rd_str(&rd);
    if (rd.failed || state.progress < WIRE_SNAPSHOT_RUNNING ||
        state.progress > WIRE_SNAPSHOT_FAILED)
        return -EBADMSG;
    *out = state;
    return 0;
}

bool wire_put_snapshot_retainer(struct wire_wr *wr, const struct wire_snapshot_retainer *retainer)
{
    begin(wr, retainer->number, retainer->token, WIRE_SNAPSHOT_PART_RETAINER);
    wire_wr_str(wr, retainer->type.data, retainer->type.len);
    wire_wr_u32(wr, retainer->sampled);
    wire_wr_u32(wr, retainer->explained);
    wire_wr_u8(wr, retainer->step_count);
    for (size_t i = 0; i < retainer->step_count; i++)
        wire_wr_str(wr, retainer->steps[i].data, retainer->steps[i].len);
    return wire_frame_end(wr);
}

int wire_get_snapshot_retainer(const struct wire_frame *frame, struct wire_snapshot_retainer *out)
{
    struct wire_snapshot_retainer retainer = {0};
    struct wire_rd rd;

    if (!open_part(frame, WIRE_SNAPSHOT_PART_RETAINER, &rd, &retainer.number, &retainer.token))
        return -EBADMSG;
    retainer.type = wire_rd_str(&rd);
    retainer.sampled = wire_rd_u32(&rd);
    retainer.explained = wire_rd_u32(&rd);
    retainer.step_count = wire_rd_u8(&rd);
    if (retainer.step_count > WIRE_SNAPSHOT_STEPS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < retainer.step_count; i++)
        retainer.steps[i] = wire_rd_str(&rd);
    if (rd.failed || retainer.explained > retainer.sampled)
        return -EBADMSG;
    *out = retainer;
    return 0;
}

void wire_list_begin_snapshot(struct wire_wr *wr, uint32_t number, uint64_t token,
                              struct wire_list *list)
{
    begin(wr, number, token, WIRE_SNAPSHOT_PART_TYPES);
    list->time_ms = 0;
    list->count = 0;
    list->wr = wr;
    list->count_at = wr->pos;
    wire_wr_u16(wr, 0);
}

bool wire_list_add_snapshot_type(struct wire_list *list, const struct wire_snapshot_type *type)
{
    struct wire_wr *wr = list->wr;
    uint8_t *entry = wr->pos;

    if (wr->failed)
        return false;
    wire_wr_str(wr, type->name.data, type->name.len);
    wire_wr_u64(wr, type->count);
    wire_wr_u64(wr, type->bytes);
    return wire_list_keep(list, entry);
}

int wire_list_read_snapshot(const struct wire_frame *frame, struct wire_list *list)
{
    uint32_t number;
    uint64_t token;

    if (!open_part(frame, WIRE_SNAPSHOT_PART_TYPES, &list->rd, &number, &token))
        return -EBADMSG;
    list->time_ms = 0;
    list->count = wire_rd_u16(&list->rd);
    list->wr = NULL;
    list->count_at = NULL;
    return list->rd.failed ? -EBADMSG : 0;
}

int wire_list_next_snapshot_type(struct wire_list *list, struct wire_snapshot_type *out)
{
    struct wire_snapshot_type type;

    if (list->count == 0)
        return 0;
    list->count--;
    type.name = wire_rd_str(&list->rd);
    type.count = wire_rd_u64(&list->rd);
    type.bytes = wire_rd_u64(&list->rd);
    if (list->rd.failed)
        return -EBADMSG;
    *out = type;
    return 1;
}
