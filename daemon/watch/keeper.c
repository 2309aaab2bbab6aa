/* SPDX-License-Identifier: MIT */
/* An incident asks once who keeps the growing objects alive; the answer comes some seconds later. A
 * program may ask, too (leakd_snapshot). */
#include <stdio.h>
#include <string.h>

#include "daemon/watch/private.h"

/* The types have to be known first; when they are not by then, the copy of the process chooses. */
#define ASK_MAX_MS   8000u
#define SHARE_LEAST  0.05    /* of a type: less is no reason for a leak */
#define ASK_AGAIN_MS 600000u /* a process that falls ill again and again is not stopped each time  \
                              */
#define WISH_MS      60000u  /* older wishes are about what was */

static bool is_busy(const struct process *process)
{
    return process->snapshot_count > 0 &&
           !snapshot_is_over(process->snapshots[process->snapshot_count - 1]);
}

static bool may_ask(const struct watch *watch, const struct watched *watched,
                    const struct process *process, const struct incident *incident)
{
    if (watched->is_snapshot_asked || !watch->hooks.on_snapshot ||
        incident->verdict != VERDICT_LEAK || !(process->capabilities & WIRE_CAP_SNAPSHOT) ||
        watch->now_mono_ms < watched->snapshot_due_ms || is_busy(process))
        return false;
    return incident->type_count > 0 || watch->now_mono_ms - watched->opened_ms >= ASK_MAX_MS;
}

static void ask(struct watch *watch, struct watched *watched, struct process *process,
                const struct incident *incident)
{
    const char *types[INCIDENT_TYPES_MAX];
    uint32_t number;

    for (size_t i = 0; i < incident->type_count; i++)
        types[i] = incident->types[i].name ? incident->types[i].name : "";
    watched->is_snapshot_asked = true;
    watched->snapshot_due_ms = watch->now_mono_ms + ASK_AGAIN_MS;
    if (watch->hooks.on_snapshot(watch->hooks.arg, process, types, incident->type_count, &number) ==
        0)
        watched->snapshot_number = number;
}

/* The program's last one; NULL: there is none, or it is answered or out of date. */
static const struct process_mark *find_wish(const struct watch *watch,
                                            const struct watched *watched,
                                            const struct process *process)
{
    const struct process_marks *marks = process->marks;

    for (size_t i = marks ? marks->count : 0; i-- > 0;) {
        const struct process_mark *mark = &marks->list[i];

        if (mark->kind != WIRE_MARK_SNAPSHOT)
            continue;
        return mark->told_ms > watched->wish_told_ms &&
                       watch->now_wall_ms <= mark->at_wall_ms + WISH_MS
                   ? mark
                   : NULL;
    }
    return NULL;
}

void keeper_grant(struct watch *watch, struct watched *watched, struct process *process)
{
    const struct process_mark *wish = find_wish(watch, watched, process);
    uint32_t number;

    if (!wish || !watch->hooks.on_snapshot || process->state != PROCESS_WATCHING ||
        !(process->capabilities & WIRE_CAP_SNAPSHOT) || is_busy(process) ||
        watch->now_mono_ms < watched->wish_due_ms)
        return;
    watched->wish_told_ms = wish->told_ms;
    watched->wish_due_ms = watch->now_mono_ms + ASK_AGAIN_MS;
    watch->hooks.on_snapshot(watch->hooks.arg, process, NULL, 0, &number);
}

/* The ways that explain most, of each type in turn as the copy told them. */
static void freeze_retainers(const struct snapshot *snapshot, struct incident *incident)
{
    for (size_t i = 0; i < incident->retainer_count; i++)
        retainer_clear(&incident->retainers[i]);
    incident->retainer_count = 0;
    for (size_t i = 0; i < snapshot->retainer_count; i++) {
        struct retainer *out = &incident->retainers[incident->retainer_count];

        if (incident->retainer_count == INCIDENT_RETAINERS_MAX)
            break;
        if (snapshot->retainers[i].share < SHARE_LEAST)
            continue;
        if (retainer_copy(&snapshot->retainers[i], out) < 0) {
            retainer_clear(out);
            break;
        }
        incident->retainer_count++;
    }
}

bool keeper_is_awaited(const struct watched *watched)
{
    return watched->snapshot_number != 0;
}

bool keeper_follow(struct watch *watch, struct watched *watched, struct process *process,
                   struct incident *incident)
{
    const struct snapshot *snapshot;

    if (may_ask(watch, watched, process, incident))
        ask(watch, watched, process, incident);
    if (watched->snapshot_number == 0)
        return false;
    snapshot = query_snapshot(process, watched->snapshot_number);
    if (snapshot && !snapshot_is_over(snapshot))
        return false;
    watched->snapshot_number = 0;
    if (!snapshot || snapshot->state != SNAPSHOT_DONE)
        return false;
    freeze_retainers(snapshot, incident);
    words_summary(watch->store, process, watch->now_wall_ms, incident->summary,
                  sizeof(incident->summary));
    return true;
}

bool keeper_words(const struct process *process, const char *type, char *out, size_t size)
{
    const struct retainer *retainer = query_retainer(query_last_snapshot(process), type);
    size_t used = 0;

    if (!retainer || retainer->step_count < 2)
        return false;
    out[0] = '\0';
    /* The last step is the type itself, which the sentence has named. */
    for (size_t i = 0; i + 1 < retainer->step_count && used < size; i++) {
        int n = snprintf(out + used, size - used, "%s%s", i ? " " : "", retainer->steps[i]);

        used += n > 0 ? (size_t)n : 0;
    }
    return true;
}
