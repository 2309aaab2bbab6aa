/* SPDX-License-Identifier: MIT */
/*
 * One leak in several processes of a unit is one incident: the second process that begins to leak
 * joins the first one's, and nobody is paged again. The incident speaks of one of them, which grows
 * for as long as any does; its evidence stays that of the process that opened it.
 *
 * Whether two leaks are one is known once both have the fingerprint of a site. Until then a process
 * of a unit that has an incident already waits, but no longer than people would wait to be told.
 * One that was told without a name, or opened before its name was known, is kept apart: what people
 * were told of does not vanish. Nor is an incident joined whose processes have all ended: it is the
 * evidence of what happened, and a program that leaks again after its restart is news.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/watch/private.h"

/* ---- the list ------------------------------------------------------------------------------- */

static struct incident_member *find(struct incident *incident, const char *process_id)
{
    const struct incident_member *member = incident_member(incident, process_id);

    return member ? &incident->members[member - incident->members] : NULL;
}

static bool has_ended(const struct incident_member *member)
{
    return member->state != MEMBER_GROWING && member->state != MEMBER_CALM;
}

/* A new one at the end of the list, in place of the first that has ended. NULL: all live. */
static struct incident_member *make_room(struct incident *incident)
{
    struct incident_member *members = incident->members;
    size_t at = 0;

    if (incident->member_count < INCIDENT_MEMBERS_MAX)
        return &members[incident->member_count++];
    while (at < INCIDENT_MEMBERS_MAX && !has_ended(&members[at]))
        at++;
    if (at == INCIDENT_MEMBERS_MAX)
        return NULL;
    memmove(&members[at], &members[at + 1], (INCIDENT_MEMBERS_MAX - at - 1) * sizeof(members[0]));
    return &members[INCIDENT_MEMBERS_MAX - 1];
}

static void write_member(const struct watch *watch, const struct process *process,
                         enum member_state state, struct incident_member *out)
{
    *out = (struct incident_member){.pid = process->identity.pid,
                                    .start_ticks = process->identity.start_ticks,
                                    .instance = process->identity.instance,
                                    .state = state};
    memcpy(out->process_id, process->id, sizeof(out->process_id));
    memcpy(out->boot_id, watch->boot_id, sizeof(out->boot_id));
    snprintf(out->name, sizeof(out->name), "%s", process->name);
}

bool member_set(const struct watch *watch, struct incident *incident, const struct process *process,
                enum member_state state)
{
    struct incident_member *member = find(incident, process->id);

    if (member && member->state == state)
        return false;
    if (!member && state == MEMBER_GROWING)
        member = make_room(incident);
    if (!member)
        return false;
    write_member(watch, process, state, member);
    return true;
}

/* ---- who leads ------------------------------------------------------------------------------ */

bool member_leads(const struct incident *incident, const struct process *process)
{
    return strcmp(incident->process_id, process->id) == 0;
}

static void lead(struct incident *incident, const struct incident_member *member)
{
    char *name = strdup(member->name);

    memcpy(incident->process_id, member->process_id, sizeof(incident->process_id));
    memcpy(incident->boot_id, member->boot_id, sizeof(incident->boot_id));
    incident->pid = member->pid;
    incident->start_ticks = member->start_ticks;
    incident->instance = member->instance;
    if (!name) /* the old one will do: it is the same program */
        return;
    free(incident->process_name);
    incident->process_name = name;
}

void member_lead(const struct watch *watch, struct incident *incident,
                 const struct process *process)
{
    member_set(watch, incident, process, MEMBER_GROWING);
    /* Who leads is looked for after a restart, so it is listed, whoever is not. */
    if (!find(incident, process->id))
        write_member(watch, process, MEMBER_GROWING, &incident->members[INCIDENT_MEMBERS_MAX - 1]);
    lead(incident, find(incident, process->id));
}

static const struct process *next_living(struct watch *watch, const struct incident *incident)
{
    for (size_t i = 0; i < watch->count; i++) {
        const struct watched *watched = watch->list[i];
        const struct process *process = query_process(watch->store, watched->id);

        if (strcmp(watched->incident_id, incident->id) == 0 && process &&
            process->ended_mono_ms == 0 &&
            (verdict_is_growing(process->verdict) || watched->held_since_ms != 0))
            return process;
    }
    return NULL;
}

/* After a restart: its agent is not back yet, and its end not noticed. */
static const struct incident_member *next_unseen(const struct watch *watch,
                                                 const struct incident *incident)
{
    for (size_t i = 0; i < incident->member_count; i++) {
        const struct incident_member *member = &incident->members[i];

        if (member->state == MEMBER_GROWING && !query_process(watch->store, member->process_id))
            return member;
    }
    return NULL;
}

bool member_succeed(struct watch *watch, struct incident *incident)
{
    const struct process *living = next_living(watch, incident);
    const struct incident_member *unseen = living ? NULL : next_unseen(watch, incident);

    if (living)
        member_lead(watch, incident, living);
    else if (unseen)
        lead(incident, unseen);
    return living || unseen;
}

/* ---- joining -------------------------------------------------------------------------------- */

static bool is_same_program(const struct incident *incident, const struct process *process)
{
    if (incident->unit || process->unit)
        return incident->unit && process->unit && strcmp(incident->unit, process->unit) == 0;
    return strcmp(incident->exe, process->exe) == 0 &&
           strcmp(incident->process_name, process->name) == 0;
}

static bool is_final(const struct incident *incident)
{
    return !incident->is_provisional || incident->verdict == VERDICT_FRAGMENTATION;
}

static void join(struct watch *watch, struct watched *watched, const struct process *process,
                 struct incident *incident)
{
    memcpy(watched->incident_id, incident->id, sizeof(watched->incident_id));
    watched->opened_ms = watch->now_mono_ms;
    watched->evidence_due_ms = UINT64_MAX; /* there is evidence */
    watched->is_snapshot_asked = true;
    watched->snapshot_number = 0;
    watched->held_since_ms = 0;
    if (!find(incident, process->id))
        incident->process_count++;
    member_set(watch, incident, process, MEMBER_GROWING);
    log_info("incident.joined", "id=%s process=%s processes=%llu", incident->id, process->id,
             (unsigned long long)incident->process_count);
    incident_changed(watch, incident);
}

enum member_answer member_join(struct watch *watch, struct watched *watched,
                               const struct process *process)
{
    enum member_answer answer = MEMBER_ALONE;
    char fingerprint[17];
    bool is_known = incident_read_fingerprint(watch, process, fingerprint);

    for (size_t i = 0; i < query_incident_count(watch->store); i++) {
        const struct incident *seen = query_incident_at(watch->store, i);

        if (seen->state == INCIDENT_RESOLVED || seen->end[0] || !is_same_program(seen, process))
            continue;
        if (is_known && is_final(seen) && strcmp(seen->fingerprint, fingerprint) == 0) {
            join(watch, watched, process, store_incident(watch->store, seen->id));
            return MEMBER_JOINED;
        }
        if (!is_known || (!is_final(seen) && !seen->is_told))
            answer = MEMBER_WAITS;
    }
    return answer;
}
