/* SPDX-License-Identifier: MIT */
/*
 * What leakd does by itself before a process reaches its limit. It is decided once for an incident
 * and noted; it is done when the note is on the disk, so that a crash can neither repeat it nor
 * forget that it counts, but not later than STORE_MAX_MS after: memory does not wait for a disk.
 */
#include "daemon/watch/private.h"

#include "daemon/base/conf.h"
#include "daemon/base/log.h"

#define STORE_MAX_MS 5000u
#define DAY_MS       UINT64_C(86400000)

enum action_answer action_decide(const struct action_rule *rule, const struct action_facts *facts)
{
    bool is_near =
        facts->time_to_limit.known && facts->time_to_limit.lower_s * 1000 < (double)rule->before_ms;

    if (!rule->is_on || !is_near || !verdict_is_alarm(facts->verdict) ||
        facts->acted_wall_ms != 0 || !conf_matches(rule->units, facts->unit))
        return ACTION_NO;
    /* Who acknowledged it is at work in there. A silence is about noise alone. */
    if (facts->state == INCIDENT_ACKNOWLEDGED || facts->state == INCIDENT_RESOLVED)
        return ACTION_NO;
    return facts->acted_today < rule->per_day_max ? ACTION_YES : ACTION_SPENT;
}

static unsigned count_today(const struct watch *watch)
{
    unsigned count = 0;

    for (size_t i = 0; i < query_incident_count(watch->store); i++) {
        uint64_t acted_ms = query_incident_at(watch->store, i)->acted_wall_ms;

        count += acted_ms != 0 && acted_ms + DAY_MS > watch->now_wall_ms;
    }
    return count;
}

static void take(struct watch *watch, struct watched *watched, struct incident *incident)
{
    incident->acted_wall_ms = watch->now_wall_ms;
    incident_note(incident, "action", "leakd", "it is due", watch->now_wall_ms);
    incident_changed(watch, incident);
    watched->action_due_ms = watch->now_mono_ms + STORE_MAX_MS;
    watched->action_revision = incident->revision;
}

static void say_spent(const struct watch *watch, struct watched *watched, struct incident *incident)
{
    if (watched->is_spent)
        return;
    watched->is_spent = true;
    log_warning("action.spent", "incident=%s per_day_max=%u; it is left alone", incident->id,
                watch->action.per_day_max);
    incident_note(incident, "action", "leakd", "due, but there were enough of them today",
                  watch->now_wall_ms);
    incident_changed(watch, incident);
}

void action_follow(struct watch *watch, struct watched *watched, const struct process *process,
                   struct incident *incident)
{
    struct action_facts facts = {.state = incident->state,
                                 .verdict = process->verdict,
                                 .unit = process->unit,
                                 .time_to_limit = process->time_to_limit,
                                 .acted_wall_ms = incident->acted_wall_ms};

    if (!watch->action.is_on || !watch->hooks.on_action)
        return;
    if (watched->action_due_ms != 0) {
        if (incident->stored_revision < watched->action_revision &&
            watch->now_mono_ms < watched->action_due_ms)
            return;
        watched->action_due_ms = 0;
        watch->hooks.on_action(watch->hooks.arg, incident, process);
        return;
    }
    facts.acted_today = count_today(watch);
    switch (action_decide(&watch->action, &facts)) {
    case ACTION_YES:
        take(watch, watched, incident);
        break;
    case ACTION_SPENT:
        say_spent(watch, watched, incident);
        break;
    case ACTION_NO:
        break;
    }
}

void watch_set_action(struct watch *watch, const struct action_rule *rule)
{
    watch->action = *rule;
}

void watch_action_done(struct watch *watch, const char *incident_id, const char *how,
                       uint64_t now_wall_ms)
{
    struct incident *incident = store_incident(watch->store, incident_id);

    if (!incident) /* the store has dropped it for newer ones */
        return;
    incident_note(incident, "action", "leakd", how, now_wall_ms);
    incident_changed(watch, incident);
}
