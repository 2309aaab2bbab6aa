/* SPDX-License-Identifier: MIT */
/*
 * The workers of a prefork server (gunicorn, uWSGI, multiprocessing) are one program: what leaks in
 * it, leaks in each worker at a part of its rate, and a worker that is recycled takes its part
 * along before it shows. So they are added up, and the process that they all come from (the first)
 * is judged by the sum and speaks for them.
 *
 * What is added up is what each worker gains once it has warmed up, whether it lives or has ended:
 * a sum of live bytes alone would fall with each worker that is recycled and rise with each that
 * loads its modules, a sawtooth in which no growth can be seen. The first part of a life, in which
 * modules are loaded and caches fill, counts for nothing; who counts stands for who does not yet.
 */
#include <math.h>
#include <string.h>

#include "daemon/base/map.h"
#include "daemon/watch/private.h"

/* Of a worker's life, as long as those of the ended ones were: this part is warm-up. */
#define WARM_UP_SHARE   0.25
#define WARM_UP_MIN_MS  10000.0
#define WARM_UP_MAX_MS  120000.0
#define LIFE_UNKNOWN_MS 60000.0
/* Right after all were restarted few count, and their noise must not stand for everybody. */
#define STAND_FOR_MAX 2.0
/* A worker's level is the least of one to two such parts of its life: garbage that waits for its
 * collection when a worker begins to count or ends is no gain. */
#define FLOOR_SHARE  0.125
#define FLOOR_MIN_MS 5000.0
#define FLOOR_MAX_MS 30000.0
/* What falls for a shorter time falls because an interpreter takes itself apart before it ends. */
#define FALL_TICKS 5u
/* A worker's own alarm that the sum does not show within this time is told for itself. */
#define OWN_ALARM_MS 60000u

/* ---- who speaks for them ----------------------------------------------------------------------
 */

static bool is_first(const struct process *process)
{
    return strcmp(process->group.id, process->id) == 0;
}

const struct process *group_first(const struct store *store, const struct process *process)
{
    const struct process *first;

    if (!process->group.id[0] || is_first(process))
        return NULL;
    first = query_process(store, process->group.id);
    return first && first->ended_mono_ms == 0 ? first : NULL;
}

/* ---- what they gain -------------------------------------------------------------------------- */

static double part_of_life_ms(const struct crowd *crowd, double share, double min_ms, double max_ms)
{
    double life_ms = crowd->ended > 0 ? crowd->lives_ms / crowd->ended : LIFE_UNKNOWN_MS;

    return fmin(max_ms, fmax(min_ms, share * life_ms));
}

/* The least of the part that runs and of the one before; false while none has been whole. */
static bool read_floor(struct worker *worker, double live_bytes, uint64_t turn_ms,
                       uint64_t now_mono_ms, double *out)
{
    if (worker->turns == 0 || now_mono_ms >= worker->turn_due_ms) {
        worker->floor_before = worker->floor_now;
        worker->floor_now = live_bytes;
        worker->turn_due_ms = now_mono_ms + turn_ms;
        worker->turns++;
    }
    worker->floor_now = fmin(worker->floor_now, live_bytes);
    *out = fmin(worker->floor_now, worker->floor_before);
    return worker->turns > 2;
}

/* What it gained since the last tick, once it has warmed up and its level is known. */
static void count_gain(struct crowd *crowd, struct worker *worker, double live_bytes,
                       uint64_t now_mono_ms)
{
    double turn_ms = part_of_life_ms(crowd, FLOOR_SHARE, FLOOR_MIN_MS, FLOOR_MAX_MS);
    double floor_bytes;

    if (!read_floor(worker, live_bytes, (uint64_t)turn_ms, now_mono_ms, &floor_bytes))
        return;
    crowd->counting += worker->counts;
    if (worker->counts && floor_bytes < worker->floor_bytes && ++worker->falls < FALL_TICKS)
        return;
    if (worker->counts)
        crowd->step_bytes += floor_bytes - worker->floor_bytes;
    worker->counts = true;
    worker->falls = 0;
    worker->floor_bytes = floor_bytes;
}

static void count_worker(struct crowd *crowd, struct worker *worker, const struct process *process,
                         uint64_t now_mono_ms)
{
    double live_bytes = (double)process->live_bytes;
    double warm_ms = part_of_life_ms(crowd, WARM_UP_SHARE, WARM_UP_MIN_MS, WARM_UP_MAX_MS);

    if (!worker->is_known) {
        worker->is_known = true;
        worker->inherited_bytes = live_bytes;
    }
    crowd->living++;
    crowd->live_bytes += process->live_bytes;
    crowd->own_bytes += fmax(0, live_bytes - worker->inherited_bytes);
    if (worker->turns > 0 || (double)(now_mono_ms - process->first_seen_mono_ms) >= warm_ms)
        count_gain(crowd, worker, live_bytes, now_mono_ms);
}

static struct watched *watched_first(struct watch *watch, const struct process *process)
{
    const struct process *first = group_first(watch->store, process);

    return first ? map_get_str(watch->watched, first->id) : NULL;
}

void group_note(struct watch *watch, struct watched *watched, struct process *process)
{
    struct watched *first;

    parent_look(watch, &watched->worker, process);
    if (process->state != PROCESS_WATCHING)
        return;
    first = watched_first(watch, process);
    if (first)
        first->crowd.silent += process->is_silent;
    if (!process->has_totals)
        return;
    if (first)
        count_worker(&first->crowd, &watched->worker, process, watch->now_mono_ms);
}

static void settle(struct crowd *crowd, struct process *first)
{
    struct process_group *group = &first->group;
    unsigned members = crowd->living + crowd->silent + 1;

    if (crowd->counting > 0 && group->base_bytes <= 0)
        group->base_bytes = (double)crowd->live_bytes;
    if (crowd->counting > 0)
        group->gained_bytes +=
            crowd->step_bytes * fmin(STAND_FOR_MAX, (double)crowd->living / crowd->counting);
    if (group->members != members || group->ended != crowd->ended)
        store_touch(first);
    group->members = members;
    group->ended = crowd->ended;
    group->live_bytes = crowd->live_bytes + first->live_bytes;
    group->own_bytes = crowd->own_bytes;
    crowd->living = crowd->silent = crowd->counting = 0;
    crowd->live_bytes = 0;
    crowd->own_bytes = crowd->step_bytes = 0;
}

void group_settle(struct watch *watch)
{
    for (size_t i = 0; i < watch->count; i++) {
        struct watched *watched = watch->list[i];
        struct process *process = store_process(watch->store, watched->id);

        if (process && is_first(process) && process->ended_mono_ms == 0)
            settle(&watched->crowd, process);
    }
}

void group_leave(struct watch *watch, const struct process *process)
{
    struct watched *first = watched_first(watch, process);

    if (!first)
        return;
    first->crowd.ended++;
    first->crowd.lives_ms += (double)(process->ended_mono_ms - process->first_seen_mono_ms);
}

/* ---- who tells ------------------------------------------------------------------------------- */

static bool is_of_group(const struct watch *watch, const struct incident *incident,
                        const char *group)
{
    for (size_t i = 0; i < incident->member_count; i++) {
        const struct process *of = query_process(watch->store, incident->members[i].process_id);

        if (of && strcmp(of->group.id, group) == 0)
            return true;
    }
    return false;
}

static bool has_told_sibling(const struct watch *watch, const struct process *process)
{
    for (size_t i = 0; i < query_incident_count(watch->store); i++) {
        const struct incident *incident = query_incident_at(watch->store, i);

        if (incident->state != INCIDENT_RESOLVED && is_of_group(watch, incident, process->group.id))
            return true;
    }
    return false;
}

bool group_tells(const struct watch *watch, const struct process *process)
{
    const struct process *first = group_first(watch->store, process);

    if (!first)
        return false;
    return verdict_is_alarm(first->verdict) ||
           watch->now_wall_ms - process->verdict_wall_ms < OWN_ALARM_MS ||
           has_told_sibling(watch, process);
}
