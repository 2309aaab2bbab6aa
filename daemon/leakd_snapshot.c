/* SPDX-License-Identifier: MIT */
#include "daemon/leakd_snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/procfs.h"
#include "daemon/ingest/ingest.h"
#include "daemon/store/store.h"

#define MIB (UINT64_C(1) << 20)
/* While a copy lives, each page that the process writes is kept twice, in the control group of the
 * process: it must not be the copy that brings the OOM killer. */
#define ROOM_SHARE     4 /* of the resident memory, a fourth */
#define ROOM_BYTES_MIN (64 * MIB)
/* The copy's own tables get a fourth of that room at most; 64 bytes an object. */
#define TABLES_SHARE     4
#define TABLES_BYTES_MAX (512 * MIB)
#define TYPE_NAME_MAX    200 /* an order fits into an agent's buffer */

static int refuse(char *reason, size_t size, int error, const char *text)
{
    snprintf(reason, size, "%s", text);
    return error;
}

static uint64_t needed_bytes(const struct process *process)
{
    uint64_t share = process->rss_bytes / ROOM_SHARE;

    return share > ROOM_BYTES_MIN ? share : ROOM_BYTES_MIN;
}

/* Room is not known of a process in another pid namespace: it is taken to be there. */
static int check_room(const struct process *process, uint64_t *room, char *reason, size_t size)
{
    uint64_t needed = needed_bytes(process);

    *room = UINT64_MAX;
    if (process->identity.pid > 0)
        procfs_read_room(&procfs_host, process->identity.pid, room);
    if (*room >= needed)
        return 0;
    snprintf(reason, size,
             "a copy of the process may need %llu MiB and only %llu MiB are left below its limit",
             (unsigned long long)(needed / MIB), (unsigned long long)(*room / MIB));
    return -ENOMEM;
}

static int check(const struct process *process, char *reason, size_t size)
{
    if (process->ended_mono_ms != 0)
        return refuse(reason, size, -ENOTCONN, "the process has ended");
    if (process->state != PROCESS_WATCHING)
        return refuse(reason, size, -ENOTCONN, "its agent is silent");
    if (!(process->capabilities & WIRE_CAP_SNAPSHOT))
        return refuse(reason, size, -EOPNOTSUPP,
                      process->reason[0]
                          ? process->reason
                          : "only a CPython that the agent knows can be looked into");
    return 0;
}

static void name_type(struct wire_snapshot_order *order, const char *name)
{
    size_t len = strlen(name);

    if (len > 0 && len <= TYPE_NAME_MAX && order->type_count < WIRE_SNAPSHOT_ASKED_MAX)
        order->types[order->type_count++] = (struct wire_str){name, len};
}

static void name_growing_types(const struct process *process, struct wire_snapshot_order *order)
{
    const struct type *types[WIRE_SNAPSHOT_ASKED_MAX];
    size_t count = query_types(process, ORDER_GROWTH, types, WIRE_SNAPSHOT_ASKED_MAX);

    for (size_t i = 0; i < count; i++) {
        if (types[i]->growth.known && types[i]->growth.estimate > 0)
            name_type(order, query_name(process, types[i]->name_id));
    }
}

static uint64_t draw_token(void)
{
    uint64_t token = 0;

    while (token == 0) {
        if (getrandom(&token, sizeof(token), 0) != sizeof(token))
            token = 0;
    }
    return token;
}

static int order_it(struct ingest *ingest, struct process *process, const char *const *types,
                    size_t type_count, uint32_t *number, char *reason, size_t reason_size)
{
    struct wire_snapshot_order order = {.token = draw_token(), .seconds = SNAPSHOT_SECONDS};
    struct snapshot *snapshot;
    uint64_t room;
    int rc = check(process, reason, reason_size);

    if (rc == 0)
        rc = check_room(process, &room, reason, reason_size);
    if (rc < 0)
        return rc;
    rc = store_request_snapshot(process, order.token, clock_mono_ms(), clock_wall_ms(), &snapshot);
    if (rc < 0)
        return refuse(reason, reason_size, rc,
                      rc == -EBUSY ? "a snapshot of this process is not over yet" : strerror(-rc));
    order.number = snapshot->number;
    order.memory_bytes =
        room / TABLES_SHARE < TABLES_BYTES_MAX ? room / TABLES_SHARE : TABLES_BYTES_MAX;
    for (size_t i = 0; i < type_count; i++)
        name_type(&order, types[i]);
    if (type_count == 0)
        name_growing_types(process, &order);
    rc = ingest_order_snapshot(ingest, process, &order);
    if (rc < 0) {
        store_fail_snapshot(process, snapshot, "its agent could not be reached", clock_wall_ms());
        return refuse(reason, reason_size, rc, "its agent could not be reached");
    }
    log_info("snapshot.ordered", "process=%s number=%u types=%u", process->id, snapshot->number,
             order.type_count);
    *number = snapshot->number;
    return 0;
}

int leakd_snapshot_order(struct ingest *ingest, struct process *process, const char *const *types,
                         size_t type_count, uint32_t *number, char *reason, size_t reason_size)
{
    char said[256] = "";
    int rc;

    if (!process)
        return -ESRCH;
    if (reason)
        return order_it(ingest, process, types, type_count, number, reason, reason_size);
    rc = order_it(ingest, process, types, type_count, number, said, sizeof(said));
    if (rc < 0)
        log_info("snapshot.none", "process=%s reason=\"%s\"", process->id, said);
    return rc;
}
