/* SPDX-License-Identifier: MIT */
#include "agent/python/snapshot_report.h"

#include <string.h>

#include "agent/core/clock.h"
#include "agent/core/core.h"
#include "agent/python/interp.h"
#include "agent/python/snapshot_path.h"
#include "agent/python/type.h"

#define TYPES_SENT_MAX  1024
#define TYPES_CHOSEN    5   /* when nobody asks for certain ones */
#define SAMPLES_MAX     512 /* objects of a type whose paths are told */
#define GROUPS_MAX      64
#define GROUPS_SENT_MAX 5
#define TELLING_SHARE   50 /* a way of less than 2 % is none that explains a leak */

/* Samples that go the same way. */
struct group {
    uint64_t hash;
    uint32_t count;
    struct path path;
};

static uint8_t buffer[WIRE_HEADER_BYTES + WIRE_BODY_BYTES_MAX];
static uint16_t order[OBJECT_TYPES_MAX]; /* types, most bytes first */
static struct group groups[GROUPS_MAX];
static uint32_t group_count;

static bool send(const struct report *report, const struct wire_wr *wr)
{
    return report->courier->send(wr->start, wire_wr_len(wr));
}

/* ---- types ---------------------------------------------------------------------------------- */

static bool has_less(const struct walk *walk, uint16_t left, uint16_t right)
{
    return walk->types.list[left].bytes < walk->types.list[right].bytes;
}

/* Sifts the element at `at` down the heap whose least element is in front. */
static void sift(const struct walk *walk, uint32_t at, uint32_t count)
{
    for (;;) {
        uint32_t least = at, left = 2 * at + 1;
        uint16_t moved = order[at];

        if (left < count && has_less(walk, order[left], order[least]))
            least = left;
        if (left + 1 < count && has_less(walk, order[left + 1], order[least]))
            least = left + 1;
        if (least == at)
            return;
        order[at] = order[least];
        order[least] = moved;
        at = least;
    }
}

/* libc's qsort may call malloc. */
static void sort_types(const struct walk *walk)
{
    uint32_t count = walk->types.count;

    for (uint32_t i = 0; i < count; i++)
        order[i] = (uint16_t)i;
    for (uint32_t i = count / 2; i-- > 0;)
        sift(walk, i, count);
    for (uint32_t end = count; end-- > 1;) {
        uint16_t least = order[0];

        order[0] = order[end];
        order[end] = least;
        sift(walk, 0, end);
    }
}

static bool report_types(const struct report *report, const struct walk *walk)
{
    uint32_t count = walk->types.count < TYPES_SENT_MAX ? walk->types.count : TYPES_SENT_MAX;
    struct wire_list list;
    struct wire_wr wr;

    wire_wr_init(&wr, buffer, sizeof(buffer));
    wire_list_begin_snapshot(&wr, report->number, report->token, &list);
    for (uint32_t i = 0; i < count; i++) {
        const struct object_type *type = &walk->types.list[order[i]];
        char name[TYPE_NAME_BYTES_MAX];
        struct wire_snapshot_type record = {.count = type->count, .bytes = type->bytes};

        if (type->count == 0)
            continue;
        record.name.data = name;
        record.name.len = type->addr ? type_name(walk->interp, type->addr, name, sizeof(name)) : 0;
        if (!wire_list_add_snapshot_type(&list, &record))
            break;
    }
    return wire_list_end(&list) && send(report, &wr);
}

/* ---- retainers ------------------------------------------------------------------------------ */

static uint64_t hash_of(const struct path *path)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (uint32_t i = 0; i < path->count; i++) {
        for (uint32_t at = 0; at < path->steps[i].len; at++)
            hash = (hash ^ (uint8_t)path->steps[i].text[at]) * UINT64_C(0x100000001b3);
        hash = (hash ^ 0xff) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void take_sample(struct walk *walk, uint32_t index)
{
    static struct path path;
    uint64_t hash;
    uint32_t at = 0;

    path_tell(walk, index, &path);
    hash = hash_of(&path);
    while (at < group_count && groups[at].hash != hash)
        at++;
    if (at == GROUPS_MAX) /* a rare way: part of what the told ones leave over */
        return;
    if (at == group_count) {
        group_count++;
        groups[at] = (struct group){.hash = hash, .path = path};
    }
    groups[at].count++;
}

/* Evenly over all objects of the type, old ones and young ones. */
static uint32_t sample(struct walk *walk, const struct object_type *type)
{
    uint64_t stride = type->count / SAMPLES_MAX + 1;
    uint64_t met = 0;
    uint32_t taken = 0;

    group_count = 0;
    for (uint32_t i = 1; i <= walk->heap.count; i++) {
        if (object_word(walk->heap.objects[i].addr + OBJECT_TYPE_AT) != type->addr ||
            met++ % stride != 0)
            continue;
        take_sample(walk, i);
        taken++;
    }
    return taken;
}

static struct group *take_largest(void)
{
    struct group *largest = NULL;

    for (uint32_t i = 0; i < group_count; i++) {
        if (groups[i].count > 0 && (!largest || groups[i].count > largest->count))
            largest = &groups[i];
    }
    return largest;
}

#define REPEATED   " (repeated)"
#define STEP_BYTES (PATH_STEP_BYTES + sizeof(REPEATED))

static struct wire_str step_text(const struct path_step *step, char *out)
{
    size_t len = step->len;

    memcpy(out, step->text, len);
    if (step->is_repeated) {
        memcpy(out + len, REPEATED, sizeof(REPEATED) - 1);
        len += sizeof(REPEATED) - 1;
    }
    return (struct wire_str){out, len};
}

static void put_steps(const struct path *path, struct wire_snapshot_retainer *record)
{
    static char texts[WIRE_SNAPSHOT_STEPS_MAX][STEP_BYTES];

    record->step_count = (uint8_t)path->count;
    for (uint32_t i = 0; i < path->count; i++)
        record->steps[i] = step_text(&path->steps[i], texts[i]);
    if (path->is_cut && path->count >= 2)
        record->steps[path->count - 2] = (struct wire_str){"...", 3};
}

static bool report_groups(const struct report *report, const struct walk *walk,
                          const struct object_type *type, uint32_t sampled)
{
    char name[TYPE_NAME_BYTES_MAX];
    struct wire_snapshot_retainer record = {
        .number = report->number, .token = report->token, .sampled = sampled};
    struct group *group;

    record.type.data = name;
    record.type.len = type_name(walk->interp, type->addr, name, sizeof(name));
    for (int i = 0; i < GROUPS_SENT_MAX && (group = take_largest()) != NULL; i++) {
        struct wire_wr wr;

        if (i > 0 && group->count < sampled / TELLING_SHARE)
            break;
        record.explained = group->count;
        put_steps(&group->path, &record);
        wire_wr_init(&wr, buffer, sizeof(buffer));
        if (!wire_put_snapshot_retainer(&wr, &record) || !send(report, &wr))
            return false;
        group->count = 0;
    }
    return true;
}

/* Code and classes are there because the program is. */
static bool is_worth_telling(const struct object_type *type)
{
    return type->addr && type->count > 0 && type->kind != OBJECT_CODE &&
           type->kind != OBJECT_FUNCTION && type->kind != OBJECT_TYPE;
}

static bool report_retainers(const struct report *report, struct walk *walk)
{
    uint32_t told = 0;

    for (uint32_t i = 0; i < walk->types.count; i++) {
        const struct object_type *type = &walk->types.list[order[i]];
        bool is_due = walk->wanted_count > 0 ? type->wanted && type->count > 0
                                             : told < TYPES_CHOSEN && is_worth_telling(type);

        if (!is_due)
            continue;
        told++;
        if (!report_groups(report, walk, type, sample(walk, type)))
            return false;
    }
    return true;
}

/* ---- the end -------------------------------------------------------------------------------- */

static bool report_state(const struct report *report, struct wire_snapshot_state *state)
{
    struct wire_wr wr;

    state->number = report->number;
    state->token = report->token;
    state->duration_ns = clock_fine_ns() - report->started_ns;
    wire_wr_init(&wr, buffer, sizeof(buffer));
    return wire_put_snapshot_state(&wr, state) && send(report, &wr);
}

static bool report_end(const struct report *report, const struct walk *walk)
{
    struct wire_snapshot_state state = {.progress = WIRE_SNAPSHOT_DONE};

    if (walk->is_late || walk->heap.is_full)
        state.flags |= WIRE_SNAPSHOT_CUT;
    for (uint32_t i = 0; i < walk->types.count; i++) {
        state.objects += walk->types.list[i].count;
        state.bytes += walk->types.list[i].bytes;
    }
    return report_state(report, &state);
}

bool report_all(const struct report *report, struct walk *walk)
{
    sort_types(walk);
    return report_types(report, walk) && report_retainers(report, walk) && report_end(report, walk);
}

void report_failure(const struct report *report, const char *reason)
{
    struct wire_snapshot_state state = {.progress = WIRE_SNAPSHOT_FAILED,
                                        .reason = {reason, strlen(reason)}};

    report_state(report, &state);
}
