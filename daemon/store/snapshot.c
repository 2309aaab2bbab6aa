/* SPDX-License-Identifier: MIT */
#include "daemon/store/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/store.h"

#define X(name, text) text,
const char *snapshot_state_name(enum snapshot_state state)
{
    static const char *const names[] = {SNAPSHOT_STATES(X)};

    return names[state];
}
#undef X

/* ---- memory -------------------------------------------------------------------------------- */

void retainer_clear(struct retainer *retainer)
{
    free(retainer->type);
    for (size_t i = 0; i < retainer->step_count; i++)
        free(retainer->steps[i]);
    *retainer = (struct retainer){0};
}

int retainer_copy(const struct retainer *from, struct retainer *out)
{
    *out = (struct retainer){.share = from->share, .sampled = from->sampled};
    out->type = incident_copy_name(from->type);
    if (!out->type)
        return -ENOMEM;
    for (; out->step_count < from->step_count; out->step_count++) {
        out->steps[out->step_count] = incident_copy_name(from->steps[out->step_count]);
        if (!out->steps[out->step_count])
            return -ENOMEM;
    }
    return 0;
}

static void snapshot_free(struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->type_count; i++)
        free(snapshot->types[i].name);
    for (size_t i = 0; i < snapshot->retainer_count; i++)
        retainer_clear(&snapshot->retainers[i]);
    free(snapshot->types);
    free(snapshot);
}

void snapshots_free(struct process *process)
{
    for (size_t i = 0; i < process->snapshot_count; i++)
        snapshot_free(process->snapshots[i]);
    process->snapshot_count = 0;
}

static void drop_oldest(struct process *process)
{
    snapshot_free(process->snapshots[0]);
    process->snapshot_count--;
    memmove(&process->snapshots[0], &process->snapshots[1],
            process->snapshot_count * sizeof(process->snapshots[0]));
}

/* What a program calls its things, as a string without NUL inside. */
static char *copy_name(const struct wire_str *text)
{
    size_t len = text->len < SNAPSHOT_NAME_BYTES_MAX ? text->len : SNAPSHOT_NAME_BYTES_MAX;

    return strndup(len ? text->data : "?", len ? len : 1);
}

/* ---- writing ------------------------------------------------------------------------------- */

bool snapshot_is_over(const struct snapshot *snapshot)
{
    return snapshot->state != SNAPSHOT_REQUESTED && snapshot->state != SNAPSHOT_RUNNING;
}

static struct snapshot *newest(const struct process *process)
{
    return process->snapshot_count ? process->snapshots[process->snapshot_count - 1] : NULL;
}

int store_request_snapshot(struct process *process, uint64_t token, uint64_t now_mono_ms,
                           uint64_t now_wall_ms, struct snapshot **out)
{
    struct snapshot *last = newest(process);
    struct snapshot *snapshot;

    if (last && !snapshot_is_over(last))
        return -EBUSY;
    snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot)
        return -ENOMEM;
    if (process->snapshot_count == SNAPSHOTS_KEPT)
        drop_oldest(process);
    snapshot->number = ++process->snapshot_serial;
    snapshot->token = token;
    snapshot->requested_mono_ms = now_mono_ms;
    snapshot->requested_wall_ms = now_wall_ms;
    process->snapshots[process->snapshot_count++] = snapshot;
    store_touch(process);
    *out = snapshot;
    return 0;
}

struct process *store_find_snapshot(struct store *store, uint32_t number, uint64_t token,
                                    struct snapshot **out)
{
    struct process *process;

    for (size_t i = 0; (process = store_process_at(store, i)) != NULL; i++) {
        struct snapshot *snapshot = newest(process);

        if (snapshot && snapshot->number == number && snapshot->token == token) {
            *out = snapshot;
            return process;
        }
    }
    return NULL;
}

static void end(struct process *process, struct snapshot *snapshot, enum snapshot_state state,
                uint64_t now_wall_ms)
{
    snapshot->state = state;
    snapshot->ended_wall_ms = now_wall_ms;
    store_touch(process);
}

/* The agent's word on the copy may come after the copy's last. */
static void put_running(struct process *process, struct snapshot *snapshot,
                        const struct wire_snapshot_state *state)
{
    snapshot->pause_ns = state->pause_ns;
    if (snapshot->state == SNAPSHOT_REQUESTED)
        snapshot->state = SNAPSHOT_RUNNING;
    store_touch(process);
}

void store_put_snapshot_state(struct process *process, struct snapshot *snapshot,
                              const struct wire_snapshot_state *state, uint64_t now_wall_ms)
{
    if (state->progress == WIRE_SNAPSHOT_RUNNING) {
        put_running(process, snapshot, state);
        return;
    }
    if (snapshot_is_over(snapshot))
        return;
    snprintf(snapshot->reason, sizeof(snapshot->reason), "%.*s", (int)state->reason.len,
             state->reason.data);
    snapshot->duration_ns = state->duration_ns;
    snapshot->objects = state->objects;
    snapshot->bytes = state->bytes;
    snapshot->is_cut = state->flags & WIRE_SNAPSHOT_CUT;
    end(process, snapshot,
        state->progress == WIRE_SNAPSHOT_DONE      ? SNAPSHOT_DONE
        : state->progress == WIRE_SNAPSHOT_REFUSED ? SNAPSHOT_REFUSED
                                                   : SNAPSHOT_FAILED,
        now_wall_ms);
}

int store_put_snapshot_type(struct snapshot *snapshot, const struct wire_snapshot_type *type)
{
    char *name;

    if (snapshot_is_over(snapshot) || snapshot->type_count == SNAPSHOT_TYPES_KEPT)
        return 0;
    if (!snapshot->types)
        snapshot->types = calloc(SNAPSHOT_TYPES_KEPT, sizeof(snapshot->types[0]));
    name = snapshot->types ? copy_name(&type->name) : NULL;
    if (!name)
        return -ENOMEM;
    snapshot->types[snapshot->type_count++] =
        (struct snapshot_type){.name = name, .count = type->count, .bytes = type->bytes};
    return 0;
}

int store_put_snapshot_retainer(struct snapshot *snapshot,
                                const struct wire_snapshot_retainer *record)
{
    struct retainer *retainer = &snapshot->retainers[snapshot->retainer_count];

    if (snapshot_is_over(snapshot) || snapshot->retainer_count == SNAPSHOT_RETAINERS_KEPT ||
        record->sampled == 0)
        return 0;
    *retainer = (struct retainer){.type = copy_name(&record->type),
                                  .share = (double)record->explained / record->sampled,
                                  .sampled = record->sampled};
    for (size_t i = 0; i < record->step_count && retainer->type; i++) {
        retainer->steps[i] = copy_name(&record->steps[i]);
        if (!retainer->steps[i])
            break;
        retainer->step_count++;
    }
    if (!retainer->type || retainer->step_count < record->step_count) {
        retainer_clear(retainer);
        return -ENOMEM;
    }
    snapshot->retainer_count++;
    return 0;
}

void store_fail_snapshot(struct process *process, struct snapshot *snapshot, const char *reason,
                         uint64_t now_wall_ms)
{
    if (snapshot_is_over(snapshot))
        return;
    snprintf(snapshot->reason, sizeof(snapshot->reason), "%s", reason);
    end(process, snapshot, SNAPSHOT_FAILED, now_wall_ms);
}

void store_expire_snapshot(struct process *process, uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    struct snapshot *last = newest(process);

    if (!last || snapshot_is_over(last))
        return;
    if (process->ended_mono_ms != 0)
        store_fail_snapshot(process, last, "the process ended", now_wall_ms);
    else if (now_mono_ms - last->requested_mono_ms > SNAPSHOT_WAIT_MAX_MS)
        store_fail_snapshot(process, last,
                            last->state == SNAPSHOT_REQUESTED
                                ? "the process did not allocate, so its agent did not hear of it"
                                : "the copy of the process did not end in time",
                            now_wall_ms);
}

/* ---- reading ------------------------------------------------------------------------------- */

const struct snapshot *query_snapshot(const struct process *process, uint32_t number)
{
    for (size_t i = 0; i < process->snapshot_count; i++) {
        if (process->snapshots[i]->number == number)
            return process->snapshots[i];
    }
    return NULL;
}

const struct snapshot *query_last_snapshot(const struct process *process)
{
    for (size_t i = process->snapshot_count; i-- > 0;) {
        if (process->snapshots[i]->state == SNAPSHOT_DONE)
            return process->snapshots[i];
    }
    return NULL;
}

const struct snapshot_type *query_snapshot_type(const struct snapshot *snapshot, const char *name)
{
    for (size_t i = 0; snapshot && i < snapshot->type_count; i++) {
        if (strcmp(snapshot->types[i].name, name) == 0)
            return &snapshot->types[i];
    }
    return NULL;
}

const struct retainer *query_retainer(const struct snapshot *snapshot, const char *type)
{
    const struct retainer *best = NULL;

    for (size_t i = 0; snapshot && i < snapshot->retainer_count; i++) {
        const struct retainer *each = &snapshot->retainers[i];

        if (strcmp(each->type, type) == 0 && (!best || each->share > best->share))
            best = each;
    }
    return best;
}
