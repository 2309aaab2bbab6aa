/* SPDX-License-Identifier: MIT */
#include "daemon/leakd_changes.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/http/later.h"
#include "daemon/leakd_journal.h"
#include "daemon/store/store.h"
#include "daemon/watch/watch.h"

static int change_incident(void *arg, const char *id, const struct http_incident_request *request)
{
    const struct watch_request ask = {.to = request->to,
                                      .by = request->by,
                                      .reason = request->reason,
                                      .duration_ms = request->duration_ms};
    struct leakd_change_rooms *rooms = arg;

    return watch_request(rooms->watch, id, &ask, clock_mono_ms(), clock_wall_ms());
}

static int put_mark(void *arg, const struct operator_mark *mark, const struct operator_mark **out)
{
    struct leakd_change_rooms *rooms = arg;
    struct operator_mark dated = *mark, *kept;
    int rc;

    dated.at_wall_ms = clock_wall_ms();
    rc = store_put_operator_mark(rooms->store, &dated, &kept);
    if (rc < 0)
        return rc;
    log_info("mark", "id=%s kind=%s text=\"%s\" unit=%s by=\"%s\"", kept->id,
             kept->is_release ? "release" : "event", kept->text, kept->unit, kept->by);
    leakd_journal_wake(rooms->journal);
    *out = kept;
    return 0;
}

/* A request that waits, and what its answer will need. */
struct asker {
    struct later *later;
    void *take;
};

static void on_settled(void *arg)
{
    struct asker *asker = arg;

    later_finish(asker->later, asker->take);
    free(asker);
}

static int settle(void *arg, struct later *later, void *take)
{
    struct leakd_change_rooms *rooms = arg;
    struct asker *asker = malloc(sizeof(*asker));
    int rc = asker ? 0 : -ENOMEM;

    if (asker) {
        *asker = (struct asker){later, take};
        rc = leakd_journal_settle(rooms->journal, on_settled, asker);
    }
    if (rc < 0)
        free(asker);
    return rc;
}

struct http_changes leakd_changes(struct leakd_change_rooms *rooms)
{
    return (struct http_changes){
        .arg = rooms, .incident = change_incident, .mark = put_mark, .settle = settle};
}
