/* SPDX-License-Identifier: MIT */
/*
 * What people say to an incident: I know of it, leave me alone for an hour, it is over. Whoever
 * knows is not paged again, until his time is over or it becomes critical.
 */
#include <errno.h>

#include "daemon/base/log.h"
#include "daemon/watch/private.h"

int watch_request(struct watch *watch, const char *id, const struct watch_request *request,
                  uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    struct incident *incident = store_incident(watch->store, id);
    uint64_t until_ms = request->duration_ms > 0 ? now_wall_ms + request->duration_ms : 0;

    watch->now_mono_ms = now_mono_ms;
    watch->now_wall_ms = now_wall_ms;
    if (!incident)
        return -ENOENT;
    if (incident->state == INCIDENT_RESOLVED)
        return -EALREADY;
    log_info("incident.request", "id=%s to=%s by=\"%s\" reason=\"%s\"", incident->id,
             incident_state_name(request->to), request->by, request->reason);
    if (request->to == INCIDENT_RESOLVED)
        incident_resolve(watch, incident, request->by, request->reason);
    else
        incident_move(watch, incident, request->to, request->by, request->reason, until_ms);
    /* The others who were paged need not look, too. */
    if (request->to == INCIDENT_ACKNOWLEDGED && incident->is_told)
        incident_notify(watch, incident, NOTICE_ACKNOWLEDGED);
    return 0;
}

static void reopen(struct watch *watch, struct incident *incident)
{
    incident_move(watch, incident, INCIDENT_OPEN, "leakd", "its time is over", 0);
    if (!incident->is_told)
        incident_tell(watch, incident);
    else if (!incident->end[0])
        incident_notify(watch, incident, NOTICE_REOPENED);
}

void request_expire(struct watch *watch)
{
    for (size_t i = 0; i < query_incident_count(watch->store); i++) {
        const struct incident *seen = query_incident_at(watch->store, i);

        if ((seen->state == INCIDENT_ACKNOWLEDGED || seen->state == INCIDENT_SILENCED) &&
            seen->until_wall_ms != 0 && watch->now_wall_ms >= seen->until_wall_ms)
            reopen(watch, store_incident(watch->store, seen->id));
    }
}
