/* SPDX-License-Identifier: MIT */
/*
 * Incidents from before a restart of leakd. A process whose agent comes back finds its open
 * incident again. Its detectors have forgotten what they knew: until they have seen enough to
 * judge, the incident neither ends nor opens a second time. A process that is gone leaves its end.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/detect/profile.h"
#include "daemon/watch/private.h"

#define ORPHANS_STEP_MS 10000u
/* A process of another pid namespace can only be seen by its agent, which is back within 15 s. */
#define UNSEEN_MAX_MS 60000u
/* Growth whose upper bound is below this share of what it was has ended. */
#define ENDED_SHARE 0.35

/* One that had not spoken then, or has not yet, has no instance: its executable was compared. */
static bool is_same_program(const struct watch *watch, const struct incident_member *member,
                            const struct process *process)
{
    return (member->instance == process->identity.instance || member->instance == 0 ||
            process->is_silent) &&
           member->start_ticks == process->identity.start_ticks &&
           strcmp(member->boot_id, watch->boot_id) == 0;
}

/* What somebody resolved by hand stays so while it grows on, also over a restart. NULL: nothing. */
static const struct incident *find_resolved_by_hand(const struct watch *watch,
                                                    const struct process *process)
{
    for (size_t i = 0; i < query_incident_count(watch->store); i++) {
        const struct incident *incident = query_incident_at(watch->store, i);
        const struct incident_note *last =
            incident->note_count > 0 ? &incident->notes[incident->note_count - 1] : NULL;

        if (incident_member(incident, process->id))
            return incident->state == INCIDENT_RESOLVED && last &&
                           strcmp(last->what, "resolved") == 0 && strcmp(last->by, "leakd") != 0
                       ? incident
                       : NULL;
    }
    return NULL;
}

void adopt_incident(struct watch *watch, struct watched *watched, const struct process *process)
{
    const struct incident *incident = store_find_open_incident(watch->store, process->id);
    const struct incident_member *member;

    if (!incident)
        incident = find_resolved_by_hand(watch, process);
    member = incident ? incident_member(incident, process->id) : NULL;
    if (!member || incident->end[0] || !is_same_program(watch, member, process))
        return;
    memcpy(watched->incident_id, incident->id, sizeof(watched->incident_id));
    watched->held_since_ms = watch->now_mono_ms;
}

void watch_restored(struct watch *watch, uint64_t now_mono_ms)
{
    watch->restored_ms = watch->now_mono_ms = now_mono_ms;
    for (size_t i = 0; i < watch->count; i++) {
        const struct process *process = query_process(watch->store, watch->list[i]->id);

        if (process && !watch->list[i]->incident_id[0])
            adopt_incident(watch, watch->list[i], process);
    }
}

/* Fragmentation is growth of RSS over live bytes that do not grow, and so may be a leak without any
 * site. */
static struct growth growth_now(const struct process *process, const struct incident *incident)
{
    struct detect_result rss;

    if (incident->verdict != VERDICT_FRAGMENTATION && incident->site_count > 0)
        return process->growth;
    detector_read(&process->rss_detector, &rss);
    return process->growth.known && process->growth.estimate > rss.growth.estimate ? process->growth
                                                                                   : rss.growth;
}

/* Watched for as long as growth must last to be a leak, and nearly nothing of it is left. */
static bool has_ended(const struct process *process, const struct incident *incident,
                      uint64_t held_ms)
{
    struct growth now = growth_now(process, incident);

    return (double)held_ms >= process->profile->wait_s * 1000 &&
           !verdict_is_growing(process->verdict) && now.known && incident->growth.known &&
           now.upper - now.pace < ENDED_SHARE * incident->growth.estimate;
}

bool adopt_holds(struct watch *watch, struct watched *watched, const struct process *process,
                 struct incident *incident)
{
    uint64_t held_ms = watch->now_mono_ms - watched->held_since_ms;

    if (watched->held_since_ms == 0)
        return false;
    incident_tell(watch, incident);
    if (verdict_is_alarm(process->verdict)) {
        watched->held_since_ms = 0;
        if (incident->is_provisional || incident->site_count == 0)
            watched->opened_ms = watch->now_mono_ms; /* its evidence is still to be gathered */
        return false;
    }
    /* What another process's growth was says nothing of this one's. */
    if (!(member_leads(incident, process) && has_ended(process, incident, held_ms)) &&
        (double)held_ms < process->profile->wait_gain_max_s * 1000)
        return true;
    watched->held_since_ms = 0;
    return false;
}

bool adopt_is_fresh(const struct watch *watch, const struct watched *watched,
                    const struct process *process)
{
    return watched->held_since_ms != 0 && (double)(watch->now_mono_ms - watched->held_since_ms) <
                                              process->profile->wait_gain_max_s * 1000;
}

/* A zombie has ended, too; its agent will say nothing more. */
static bool is_alive(const struct watch *watch, const struct incident_member *member)
{
    return strcmp(member->boot_id, watch->boot_id) == 0 &&
           procfs_is_running(&watch->fs, member->pid, member->start_ticks);
}

static bool is_orphan(const struct watch *watch, const struct incident_member *member)
{
    const struct process *process = query_process(watch->store, member->process_id);

    if (member->state != MEMBER_GROWING && member->state != MEMBER_CALM)
        return false;
    /* An end that the tick saw is in the incident by now, unless it is one that nobody follows. */
    if (process)
        return !is_same_program(watch, member, process) || process->ended_mono_ms != 0;
    if (member->pid == 0)
        return watch->now_mono_ms > watch->restored_ms + UNSEEN_MAX_MS;
    return !is_alive(watch, member);
}

/* The incident goes on for as long as one of its processes does. */
static void leave_orphans(struct watch *watch, struct incident *incident, const char *end)
{
    const struct incident_member *leader;
    bool has_changed = false;

    for (size_t i = 0; i < incident->member_count; i++) {
        if (!is_orphan(watch, &incident->members[i]))
            continue;
        incident->members[i].state = MEMBER_UNKNOWN;
        has_changed = true;
    }
    leader = incident_member(incident, incident->process_id);
    if (leader && leader->state == MEMBER_UNKNOWN && !member_succeed(watch, incident))
        incident_put_end(watch, incident, "unknown", end);
    else if (has_changed)
        incident_changed(watch, incident);
}

void adopt_orphans(struct watch *watch)
{
    char when[40], end[80];

    if (watch->now_mono_ms < watch->orphans_due_ms)
        return;
    watch->orphans_due_ms = watch->now_mono_ms + ORPHANS_STEP_MS;
    words_time(watch->now_wall_ms, when, sizeof(when));
    snprintf(end, sizeof(end), "ended before %s, unseen by leakd", when);
    for (size_t i = 0; i < query_incident_count(watch->store); i++) {
        const struct incident *seen = query_incident_at(watch->store, i);

        if (seen->state != INCIDENT_RESOLVED && !seen->end[0])
            leave_orphans(watch, store_incident(watch->store, seen->id), end);
    }
}
