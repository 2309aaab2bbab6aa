/* SPDX-License-Identifier: MIT */
/*
 * From verdict to incident. One is opened when the verdict becomes an alarm, and people are told as
 * soon as the culprit has a name, but not later than TELL_MAX_MS after. The evidence is renewed
 * during the first minute, because attribution of a fast leak has only just begun, and then frozen.
 * It ends with the growth or with the process; after a crash or an OOM kill it stays open with its
 * last words, for a leak that killed its program is not over, but for at most a day.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/watch/private.h"

#define TELL_MAX_MS   10000u
#define KEEPER_MAX_MS 15000u /* the first notice waits for who keeps the objects, so long at most  \
                              */
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

void incident_changed(const struct watch *watch, struct incident *incident)
{
    change(watch, incident, WATCH_INCIDENT_UPDATED);
}

void incident_notify(const struct watch *watch, const struct incident *incident,
                     enum notice_event event)
{
    struct notice notice;
    int rc;

    if (!watch->hooks.notify || !alert_may_tell(incident_state_name(incident->state), event))
        return;
    evidence_notice(incident, event, watch->now_wall_ms, &notice);
    rc = watch->hooks.notify(watch->hooks.arg, &notice);
    if (rc < 0)
        log_error("notice.lost", "incident=%s event=%s error=\"%s\", nobody is told", incident->id,
                  notice_event_name(event), strerror(-rc));
}

void incident_tell(const struct watch *watch, struct incident *incident)
{
    if (incident->is_told || !alert_may_tell(incident_state_name(incident->state), NOTICE_OPENED))
        return;
    incident->is_told = true;
    store_touch_incident(incident);
    incident_notify(watch, incident, NOTICE_OPENED);
}

void incident_move(const struct watch *watch, struct incident *incident, enum incident_state state,
                   const char *by, const char *why, uint64_t until_wall_ms)
{
    bool is_over = state == INCIDENT_RESOLVED;

    incident->state = state;
    incident->until_wall_ms = until_wall_ms;
    incident->resolved_wall_ms = is_over ? watch->now_wall_ms : 0;
    incident_note(incident, state == INCIDENT_OPEN ? "reopened" : incident_state_name(state), by,
                  why, watch->now_wall_ms);
    change(watch, incident, is_over ? WATCH_INCIDENT_RESOLVED : WATCH_INCIDENT_UPDATED);
    incident->state_revision = incident->revision;
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
    if (growth_has_no_site(process)) {
        hash = (hash ^ (uint64_t)process->growth_in) * 0x100000001b3u;
        for (const char *c = process->unit ? process->unit : process->id; *c; c++)
            hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
    }
    snprintf(out, 17, "%016llx", (unsigned long long)hash);
}

/* The same leak before this; of a provisional fingerprint nothing can be said. */
static void set_past(const struct watch *watch, const struct process *process,
                     struct incident *incident)
{
    if (incident->is_provisional && incident->verdict != VERDICT_FRAGMENTATION)
        return;
    store_read_past(watch->store, incident, &incident->past);
    words_incident(incident, process->summary);
}

bool incident_read_fingerprint(const struct watch *watch, const struct process *process,
                               char out[17])
{
    struct grown first;

    /* Without a site a unit's name tells one program of an interpreter from another; else nothing does. */
    if (process->verdict == VERDICT_FRAGMENTATION || (growth_has_no_site(process) && process->unit)) {
        provisional_fingerprint(process, out);
        return true;
    }
    if (grown_sites(watch->store, process, &first, 1) == 0 || !first.site->fingerprint[0] ||
        first.verdict != VERDICT_LEAK)
        return false;
    memcpy(out, first.site->fingerprint, sizeof(first.site->fingerprint));
    return true;
}

static void set_fingerprint(const struct watch *watch, const struct process *process,
                            struct incident *incident)
{
    if (!incident->is_provisional || process->verdict == VERDICT_FRAGMENTATION ||
        !incident_read_fingerprint(watch, process, incident->fingerprint))
        return;
    incident->is_provisional = false;
    set_past(watch, process, incident);
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
    memcpy(incident->host, watch->host, sizeof(incident->host));
    release_of(watch->store, process, incident->release, sizeof(incident->release));
    incident->is_provisional = true;
    set_figures(process, incident);
    provisional_fingerprint(process, incident->fingerprint);
    if (!incident->process_name || !incident->exe) {
        incident_free(incident);
        return NULL;
    }
    incident_list_sole(incident, MEMBER_GROWING);
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
    set_past(watch, process, incident);
    set_fingerprint(watch, process, incident);
    incident_note(incident, "opened", "leakd", incident->release, watch->now_wall_ms);
    change(watch, incident, WATCH_INCIDENT_OPENED);
}

/* Another process's incident may be this one's, too, which the names of their lines will tell. */
static void join_or_open(struct watch *watch, struct watched *watched, struct process *process,
                         bool may_wait)
{
    enum member_answer answer = member_join(watch, watched, process);

    if (watched->joining_ms == 0)
        watched->joining_ms = watch->now_mono_ms;
    if (answer == MEMBER_WAITS && may_wait &&
        watch->now_mono_ms - watched->joining_ms < TELL_MAX_MS)
        return;
    if (answer != MEMBER_JOINED)
        open_incident(watch, watched, process);
    watched->joining_ms = 0;
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

/* Who silenced it as a warning has not silenced this. */
static void become_critical(const struct watch *watch, struct incident *incident, const char *why)
{
    if (strcmp(incident->severity, "critical") == 0)
        return;
    incident->severity = "critical";
    incident_note(incident, "escalated", "leakd", why, watch->now_wall_ms);
    if (incident->state != INCIDENT_OPEN)
        incident_move(watch, incident, INCIDENT_OPEN, "leakd", why, 0);
    else
        change(watch, incident, WATCH_INCIDENT_UPDATED);
    if (incident->is_told)
        incident_notify(watch, incident, NOTICE_ESCALATED);
}

static void escalate(const struct watch *watch, const struct process *process,
                     struct incident *incident)
{
    char limit[40], why[80];

    if (!is_critical(process))
        return;
    words_span(process->time_to_limit.lower_s, limit, sizeof(limit));
    snprintf(why, sizeof(why), "reaches its limit in %s at the earliest", limit);
    become_critical(watch, incident, why);
}

/* The process whose limit is nearest is the one that people must look at. */
static bool takes_lead(const struct process *process, const struct incident *incident)
{
    return is_critical(process) && strcmp(incident->severity, "critical") != 0;
}

static void update(struct watch *watch, struct watched *watched, struct process *process,
                   struct incident *incident)
{
    bool is_fresh = watch->now_mono_ms - watched->opened_ms <= EVIDENCE_MAX_MS;

    if (member_set(watch, incident, process, MEMBER_GROWING))
        change(watch, incident, WATCH_INCIDENT_UPDATED);
    if (!member_leads(incident, process) && !takes_lead(process, incident)) {
        action_follow(watch, watched, process, incident);
        return;
    }
    if (!member_leads(incident, process))
        member_lead(watch, incident, process);
    if (verdict_is_alarm(process->verdict))
        set_figures(process, incident);
    if (is_fresh && watch->now_mono_ms >= watched->evidence_due_ms) {
        watched->evidence_due_ms = watch->now_mono_ms + EVIDENCE_STEP_MS;
        evidence_freeze(watch->store, process, incident);
        set_fingerprint(watch, process, incident);
        change(watch, incident, WATCH_INCIDENT_UPDATED);
    } else if (!incident->is_told && incident->is_provisional) {
        set_fingerprint(watch, process, incident);
        if (!incident->is_provisional)
            evidence_freeze(watch->store, process, incident);
    }
    if (keeper_follow(watch, watched, process, incident))
        change(watch, incident, WATCH_INCIDENT_UPDATED);
    escalate(watch, process, incident);
    action_follow(watch, watched, process, incident);
    if (may_tell(watch, watched, incident))
        incident_tell(watch, incident);
}

void incident_resolve(struct watch *watch, struct incident *incident, const char *by,
                      const char *why)
{
    /* Who hears of the end must have heard of the beginning. */
    incident_tell(watch, incident);
    incident_move(watch, incident, INCIDENT_RESOLVED, by, why, 0);
    if (incident->is_told)
        incident_notify(watch, incident, NOTICE_RESOLVED);
}

static void resolve(struct watch *watch, struct watched *watched, struct incident *incident,
                    const char *why)
{
    watched->incident_id[0] = '\0';
    for (size_t i = 0; i < watch->count; i++) {
        if (strcmp(watch->list[i]->incident_id, incident->id) == 0)
            watch->list[i]->incident_id[0] = '\0';
    }
    if (incident->state != INCIDENT_RESOLVED)
        incident_resolve(watch, incident, "leakd", why);
}

static struct incident *find_incident(struct watch *watch, struct watched *watched,
                                      const struct process *process)
{
    struct incident *incident = NULL;

    if (watched->incident_id[0])
        incident = store_incident(watch->store, watched->incident_id);
    /* It is over for who had calmed down when the last that grew was killed. */
    if (incident && incident->end[0] && !member_leads(incident, process))
        incident = NULL;
    if (!incident) /* or the store has dropped it for newer ones */
        watched->incident_id[0] = '\0';
    return incident;
}

static void calm_down(struct watch *watch, struct watched *watched, const struct process *process,
                      struct incident *incident)
{
    bool has_changed = member_set(watch, incident, process, MEMBER_CALM);

    if (member_leads(incident, process)) {
        if (!member_succeed(watch, incident)) {
            resolve(watch, watched, incident, "it has stopped growing");
            return;
        }
        has_changed = true;
    }
    if (has_changed)
        change(watch, incident, WATCH_INCIDENT_UPDATED);
}

void incident_follow(struct watch *watch, struct watched *watched, struct process *process)
{
    struct incident *incident = find_incident(watch, watched, process);

    if (!incident && verdict_is_alarm(process->verdict) && !group_tells(watch, process))
        join_or_open(watch, watched, process, true);
    else if (!incident)
        watched->joining_ms = 0;
    else if (incident->state == INCIDENT_RESOLVED && !verdict_is_growing(process->verdict) &&
             !adopt_is_fresh(watch, watched, process))
        watched->incident_id[0] = '\0'; /* resolved by hand, and now in truth */
    else if (incident->state == INCIDENT_RESOLVED || adopt_holds(watch, watched, process, incident))
        return;
    else if (verdict_is_growing(process->verdict))
        update(watch, watched, process, incident);
    else
        calm_down(watch, watched, process, incident);
}

static void name_signal(int number, char *out, size_t size)
{
    const char *name = sigabbrev_np(number);

    if (name)
        snprintf(out, size, "SIG%s", name);
    else
        snprintf(out, size, "signal %d", number);
}

/* "OOM-killed at ...", "killed by SIGSEGV at ...", "exited with status 3 at ..." */
static void write_end(const struct process *process, uint64_t wall_ms, char *out, size_t size)
{
    bool is_kill = process->state == PROCESS_KILLED;
    char when[40], by[40];

    words_time(wall_ms, when, sizeof(when));
    name_signal(process->end_signal, by, sizeof(by));
    if (process->state == PROCESS_OOM_KILLED)
        snprintf(out, size, "OOM-killed at %s", when);
    else if (process->end_signal)
        snprintf(out, size, "%s by %s at %s", is_kill ? "killed" : "stopped", by, when);
    else if (process->end_status > 0)
        snprintf(out, size, "exited with status %d at %s", process->end_status, when);
    else
        snprintf(out, size, "%s at %s", is_kill ? "killed" : "exited", when);
}

void incident_put_end(const struct watch *watch, struct incident *incident, const char *end_state,
                      const char *end)
{
    snprintf(incident->end, sizeof(incident->end), "%s", end);
    snprintf(incident->end_state, sizeof(incident->end_state), "%s", end_state);
    incident->end_wall_ms = watch->now_wall_ms;
    words_post_mortem(incident);
    incident_tell(watch, incident);
    change(watch, incident, WATCH_INCIDENT_UPDATED);
}

/* What it held and what grew to the last; a growth that had ended before leaves the evidence alone.
 */
static void renew_evidence(struct watch *watch, struct process *process, struct incident *incident)
{
    const struct site *site;

    if (!verdict_is_alarm(process->verdict))
        return;
    set_figures(process, incident);
    if (attribute_top_sites(process, &site, 1) == 0 || site->verdict != VERDICT_LEAK)
        return;
    evidence_freeze(watch->store, process, incident);
    set_fingerprint(watch, process, incident);
}

static enum member_state member_end_of(const struct process *process)
{
    if (process->state == PROCESS_OOM_KILLED)
        return MEMBER_OOM_KILLED;
    return process->state == PROCESS_KILLED ? MEMBER_KILLED : MEMBER_EXITED;
}

/* Others grow on; what killed this one will kill them. */
static void end_one(struct watch *watch, struct watched *watched, const struct process *process,
                    struct incident *incident, const char *end)
{
    watched->incident_id[0] = '\0';
    change(watch, incident, WATCH_INCIDENT_UPDATED);
    if (process->state == PROCESS_OOM_KILLED)
        become_critical(watch, incident, end);
}

void incident_end(struct watch *watch, struct watched *watched, struct process *process)
{
    struct incident *incident;
    char end[sizeof(incident->end)];

    if (watched->joining_ms != 0) /* what it waited for is not to come */
        join_or_open(watch, watched, process, false);
    incident = find_incident(watch, watched, process);
    if (!incident)
        return;
    if (member_set(watch, incident, process, member_end_of(process)) &&
        incident->state == INCIDENT_RESOLVED)
        change(watch, incident, WATCH_INCIDENT_UPDATED);
    if (incident->state == INCIDENT_RESOLVED)
        return;
    if (member_leads(incident, process))
        renew_evidence(watch, process, incident);
    write_end(process, process->ended_wall_ms ? process->ended_wall_ms : watch->now_wall_ms, end,
              sizeof(end));
    if (!member_leads(incident, process) || member_succeed(watch, incident)) {
        end_one(watch, watched, process, incident, end);
        return;
    }
    incident_put_end(watch, incident, process_state_name(process->state), end);
    if (process->state == PROCESS_EXITED)
        resolve(watch, watched, incident, "the process ended");
    else if (process->state == PROCESS_OOM_KILLED)
        become_critical(watch, incident, end);
}

void incident_age(struct watch *watch)
{
    for (size_t i = 0; i < query_incident_count(watch->store); i++) {
        const struct incident *seen = query_incident_at(watch->store, i);
        /* A leak may have been open for days before it kills. */
        uint64_t since_ms = seen->end_wall_ms ? seen->end_wall_ms : seen->opened_wall_ms;
        struct watched nobody = {.incident_id = ""};

        if (seen->state != INCIDENT_RESOLVED && seen->end[0] &&
            watch->now_wall_ms > since_ms + DEAD_OPEN_MAX_MS)
            resolve(watch, &nobody, store_incident(watch->store, seen->id),
                    "its process ended a day ago");
    }
}
