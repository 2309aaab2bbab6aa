/* SPDX-License-Identifier: MIT */
/*
 * From verdict to incident. One is opened when the verdict becomes an alarm, and people are told as
 * soon as the culprit has a name, but not later than TELL_MAX_MS after. The evidence is renewed
 * during the first minute, because attribution of a fast leak has only just begun, and then frozen.
 * It ends with the growth or with the process; after a crash or an OOM kill it stays open with its
 * last words, for a leak that killed its program is not over, but for at most a day.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/watch/private.h"

#define TELL_MAX_MS      10000u
#define KEEPER_MAX_MS    15000u /* the first notice waits for who keeps the objects, so long at most */
#define EVIDENCE_MAX_MS  60000u
#define EVIDENCE_STEP_MS 5000u
/* An hour is what somebody who is paged needs to look, understand and restart. */
#define CRITICAL_S       3600.0
#define DEAD_OPEN_MAX_MS (24u * 3600 * 1000)

static void change(const struct watch *watch, struct incident *incident, enum watch_change what)
{
    store_touch_incident(incident);
    if (watch->hooks.on_incident)
        watch->hooks.on_incident(watch->hooks.arg, incident, what);
}

static void tell(const struct watch *watch, const struct incident *incident,
                 enum notice_event event)
{
    struct notice notice;
    int rc;

    if (!watch->hooks.notify)
        return;
    evidence_notice(incident, event, watch->now_wall_ms, &notice);
    rc = watch->hooks.notify(watch->hooks.arg, &notice);
    if (rc < 0)
        log_error("notice.lost", "incident=%s event=%s error=\"%s\", nobody is told", incident->id,
                  notice_event_name(event), strerror(-rc));
}

void incident_tell(const struct watch *watch, struct incident *incident)
{
    if (incident->is_told)
        return;
    incident->is_told = true;
    store_touch_incident(incident);
    tell(watch, incident, NOTICE_OPENED);
}

static bool is_critical(const struct process *process)
{
    return process->time_to_limit.known && process->time_to_limit.lower_s < CRITICAL_S;
}

/* Without a culprit the best that stays the same over restarts is the program and what it does. */
static void provisional_fingerprint(const struct process *process, char out[17])
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (const char *c = process->exe; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
    hash = (hash ^ (uint64_t)process->verdict) * 0x100000001b3u;
    snprintf(out, 17, "%016llx", (unsigned long long)hash);
}

static void set_fingerprint(const struct process *process, struct incident *incident)
{
    const struct site *site;

    if (!incident->is_provisional || process->verdict == VERDICT_FRAGMENTATION ||
        attribute_top_sites(process, &site, 1) == 0 || !site->fingerprint[0] ||
        site->verdict != VERDICT_LEAK)
        return;
    memcpy(incident->fingerprint, site->fingerprint, sizeof(incident->fingerprint));
    incident->is_provisional = false;
}

static void set_figures(const struct process *process, struct incident *incident)
{
    incident->verdict = process->verdict;
    incident->growth = process->growth;
    incident->time_to_limit = process->time_to_limit;
    incident->live_bytes = process->live_bytes;
    incident->rss_bytes = process->rss_bytes;
}

static struct incident *incident_new(const struct watch *watch, const struct process *process)
{
    struct incident *incident = calloc(1, sizeof(*incident));

    if (!incident)
        return NULL;
    incident->severity = is_critical(process) ? "critical" : "warning";
    incident->opened_wall_ms = watch->now_wall_ms;
    memcpy(incident->process_id, process->id, sizeof(incident->process_id));
    incident->process_name = strdup(process->name);
    incident->unit = process->unit ? strdup(process->unit) : NULL;
    incident->exe = strdup(process->exe);
    incident->pid = process->identity.pid;
    incident->start_ticks = process->identity.start_ticks;
    incident->instance = process->identity.instance;
    memcpy(incident->boot_id, watch->boot_id, sizeof(incident->boot_id));
    incident->is_provisional = true;
    set_figures(process, incident);
    provisional_fingerprint(process, incident->fingerprint);
    if (!incident->process_name || !incident->exe) {
        incident_free(incident);
        return NULL;
    }
    return incident;
}

static void open_incident(struct watch *watch, struct watched *watched, struct process *process)
{
    struct incident *incident = incident_new(watch, process);
    int rc = incident ? store_open_incident(watch->store, incident, &incident) : -ENOMEM;

    if (rc < 0) {
        log_error("incident.open", "process=%s error=\"%s\", trying again", process->id,
                  strerror(-rc));
        return;
    }
    memcpy(watched->incident_id, incident->id, sizeof(watched->incident_id));
    watched->opened_ms = watch->now_mono_ms;
    watched->evidence_due_ms = watch->now_mono_ms;
    watched->held_since_ms = 0;
    watched->is_snapshot_asked = false;
    watched->snapshot_number = 0;
    evidence_freeze(watch->store, process, incident);
    set_fingerprint(process, incident);
    change(watch, incident, WATCH_INCIDENT_OPENED);
}

/* The culprit is named, or there will be none, or we have waited enough. */
static bool may_tell(const struct watch *watch, const struct watched *watched,
                     const struct incident *incident)
{
    uint64_t age_ms = watch->now_mono_ms - watched->opened_ms;

    if (keeper_is_awaited(watched) && age_ms < KEEPER_MAX_MS)
        return false;
    return !incident->is_provisional || incident->verdict == VERDICT_FRAGMENTATION ||
           age_ms >= TELL_MAX_MS;
}

static void escalate(struct watch *watch, const struct process *process, struct incident *incident)
{
    if (!is_critical(process) || strcmp(incident->severity, "critical") == 0)
        return;
    incident->severity = "critical";
    change(watch, incident, WATCH_INCIDENT_UPDATED);
    if (incident->is_told)
        tell(watch, incident, NOTICE_ESCALATED);
}

static void update(struct watch *watch, struct watched *watched, struct process *process,
                   struct incident *incident)
{
    bool is_fresh = watch->now_mono_ms - watched->opened_ms <= EVIDENCE_MAX_MS;

    if (verdict_is_alarm(process->verdict))
        set_figures(process, incident);
    if (is_fresh && watch->now_mono_ms >= watched->evidence_due_ms) {
        watched->evidence_due_ms = watch->now_mono_ms + EVIDENCE_STEP_MS;
        evidence_freeze(watch->store, process, incident);
        set_fingerprint(process, incident);
        change(watch, incident, WATCH_INCIDENT_UPDATED);
    } else if (!incident->is_told && incident->is_provisional) {
        set_fingerprint(process, incident);
        if (!incident->is_provisional)
            evidence_freeze(watch->store, process, incident);
    }
    if (keeper_follow(watch, watched, process, incident))
        change(watch, incident, WATCH_INCIDENT_UPDATED);
    escalate(watch, process, incident);
    if (may_tell(watch, watched, incident))
        incident_tell(watch, incident);
}

static void resolve(struct watch *watch, struct watched *watched, struct incident *incident)
{
    watched->incident_id[0] = '\0';
    if (incident->state == INCIDENT_RESOLVED)
        return;
    /* Who hears of the end must have heard of the beginning. */
    incident_tell(watch, incident);
    incident->state = INCIDENT_RESOLVED;
    incident->resolved_wall_ms = watch->now_wall_ms;
    change(watch, incident, WATCH_INCIDENT_RESOLVED);
    tell(watch, incident, NOTICE_RESOLVED);
}

static struct incident *find_incident(struct watch *watch, struct watched *watched)
{
    struct incident *incident = NULL;

    if (watched->incident_id[0])
        incident = store_incident(watch->store, watched->incident_id);
    if (!incident) /* the store has dropped it for newer ones */
        watched->incident_id[0] = '\0';
    return incident;
}

void incident_follow(struct watch *watch, struct watched *watched, struct process *process)
{
    struct incident *incident = find_incident(watch, watched);

    if (!incident && verdict_is_alarm(process->verdict))
        open_incident(watch, watched, process);
    else if (!incident)
        return;
    else if (incident->state == INCIDENT_RESOLVED && !verdict_is_growing(process->verdict))
        watched->incident_id[0] = '\0'; /* resolved by hand, and now in truth */
    else if (incident->state == INCIDENT_RESOLVED || adopt_holds(watch, watched, process, incident))
        return;
    else if (verdict_is_growing(process->verdict))
        update(watch, watched, process, incident);
    else
        resolve(watch, watched, incident);
}

static const char *end_word(enum process_state state)
{
    switch (state) {
    case PROCESS_OOM_KILLED:
        return "OOM-killed";
    case PROCESS_KILLED:
        return "killed";
    default:
        return "exited";
    }
}

/* "OOM-killed at 14:02; " in front of what was known before. */
static void put_end_first(struct incident *incident)
{
    char before[sizeof(incident->summary)];

    memcpy(before, incident->summary, sizeof(before));
    snprintf(incident->summary, sizeof(incident->summary), "%.150s; %.350s", incident->end, before);
}

void incident_put_end(const struct watch *watch, struct incident *incident, const char *end)
{
    snprintf(incident->end, sizeof(incident->end), "%s", end);
    put_end_first(incident);
    incident_tell(watch, incident);
    change(watch, incident, WATCH_INCIDENT_UPDATED);
}

void incident_end(struct watch *watch, struct watched *watched, struct process *process)
{
    struct incident *incident = find_incident(watch, watched);
    char when[40], end[sizeof(incident->end)];

    if (!incident || incident->state == INCIDENT_RESOLVED)
        return;
    words_time(process->ended_wall_ms ? process->ended_wall_ms : watch->now_wall_ms, when,
               sizeof(when));
    snprintf(end, sizeof(end), "%s at %s", end_word(process->state), when);
    incident_put_end(watch, incident, end);
    if (process->state == PROCESS_EXITED) {
        resolve(watch, watched, incident);
    } else if (process->state == PROCESS_OOM_KILLED &&
               strcmp(incident->severity, "critical") != 0) {
        incident->severity = "critical";
        change(watch, incident, WATCH_INCIDENT_UPDATED);
        tell(watch, incident, NOTICE_ESCALATED);
    }
}

void incident_age(struct watch *watch)
{
    for (size_t i = 0; i < query_incident_count(watch->store); i++) {
        const struct incident *seen = query_incident_at(watch->store, i);
        struct watched nobody = {.incident_id = ""};

        if (seen->state != INCIDENT_RESOLVED && seen->end[0] &&
            watch->now_wall_ms > seen->opened_wall_ms + DEAD_OPEN_MAX_MS)
            resolve(watch, &nobody, store_incident(watch->store, seen->id));
    }
}
