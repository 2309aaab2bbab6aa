/* SPDX-License-Identifier: MIT */
#include "daemon/ingest/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/wire/record.h"
#include "daemon/base/log.h"

/* Readers speak N-2..N. */
#define PROTOCOL_OLDEST (WIRE_PROTOCOL > 3 ? WIRE_PROTOCOL - 2 : 1)

void session_init(struct session *session, struct store *store,
                  const struct detect_profile *profile, const struct process_identity *identity)
{
    memset(session, 0, sizeof(*session));
    session->store = store;
    session->profile = profile;
    session->identity = *identity;
    session->problem = "";
}

struct process *session_process(const struct session *session)
{
    return session->process_id[0] ? store_process(session->store, session->process_id) : NULL;
}

static int refuse(struct session *session, int error, const char *problem)
{
    session->problem = problem;
    return error;
}

/* The version is the first field, readable before anybody knows the rest of the record. */
static int check_version(struct session *session, const struct wire_frame *frame)
{
    struct wire_rd rd;
    uint16_t protocol;

    wire_rd_init(&rd, frame->body, frame->body_len);
    protocol = wire_rd_u16(&rd);
    if (rd.failed)
        return refuse(session, -EBADMSG, "shorter than its fields");
    if (protocol > WIRE_PROTOCOL)
        return refuse(session, -EPROTO, "agent newer than this daemon: upgrade leakd");
    if (protocol < PROTOCOL_OLDEST)
        return refuse(session, -EPROTO, "agent too old for this daemon: restart the program");
    return 0;
}

static const struct detect_profile *choose_profile(const struct session *session,
                                                   struct wire_str wish)
{
    const struct detect_profile *profile = NULL;
    char name[16];

    if (wish.len > 0 && wish.len < sizeof(name)) {
        memcpy(name, wish.data, wish.len);
        name[wish.len] = '\0';
        profile = detect_profile_find(name);
    }
    return profile ? profile : session->profile;
}

static int read_hello(struct session *session, const struct wire_frame *frame)
{
    struct wire_hello hello;
    struct process *process;
    int rc;

    rc = check_version(session, frame);
    if (rc < 0)
        return rc;
    if (wire_get_hello(frame, &hello) < 0)
        return refuse(session, -EBADMSG, "shorter than its fields");
    if (session->process_id[0] && hello.instance != session->identity.instance)
        return refuse(session, -EPROTO, "a second program on one connection");
    session->identity.instance = hello.instance;
    rc = store_hello(session->store, &session->identity, &hello,
                     choose_profile(session, hello.profile), session->now_mono_ms,
                     session->now_wall_ms, &process);
    if (rc < 0)
        return refuse(session, rc,
                      rc == -ENOSPC ? "too many processes: raise [store] processes_max"
                                    : "no memory");
    if (!session->process_id[0])
        session->is_new = true;
    snprintf(session->process_id, sizeof(session->process_id), "%s", process->id);
    session->greeted = true;
    return 0;
}

static int read_module(struct session *session, struct process *process,
                       const struct wire_frame *frame)
{
    struct wire_module module;

    if (wire_get_module(frame, &module) < 0)
        return -EBADMSG;
    return store_put_module(session->store, process, &module);
}

static int read_name(struct session *session, struct process *process,
                     const struct wire_frame *frame)
{
    struct wire_name name;

    if (wire_get_name(frame, &name) < 0)
        return -EBADMSG;
    return store_put_name(session->store, process, &name);
}

static int read_site(struct session *session, struct process *process,
                     const struct wire_frame *frame)
{
    struct wire_site site;

    if (wire_get_site(frame, &site) < 0)
        return -EBADMSG;
    return store_put_site(session->store, process, &site);
}

static int read_totals(struct session *session, struct process *process,
                       const struct wire_frame *frame)
{
    struct wire_totals totals;

    if (wire_get_totals(frame, &totals) < 0)
        return -EBADMSG;
    session->said_bye = false; /* it came too early: the process has gone on */
    return store_put_totals(session->store, process, &totals, session->now_mono_ms,
                            session->now_wall_ms);
}

/* Sums that cannot be: an agent's fault, not a stranger's. Said once a connection; the store cuts them. */
static void note_impossible(struct session *session, const struct wire_site_totals *totals)
{
    if (session->said_impossible ||
        (totals->free_bytes <= totals->alloc_bytes && totals->free_count <= totals->alloc_count))
        return;
    session->said_impossible = true;
    log_warning("peer.impossible",
                "pid=%d process=%s site=%u freed more than it allocated; counting it as empty",
                (int)session->identity.pid, session->process_id, (unsigned)totals->site_id);
}

static int read_sites(struct session *session, struct process *process,
                      const struct wire_frame *frame)
{
    struct wire_site_totals totals;
    struct wire_list list;
    int rc;

    if (wire_list_read(frame, &list) < 0)
        return -EBADMSG;
    while ((rc = wire_list_next_site(&list, &totals)) > 0) {
        note_impossible(session, &totals);
        rc = store_put_site_totals(session->store, process, &totals, session->now_mono_ms);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int read_types(struct session *session, struct process *process,
                      const struct wire_frame *frame)
{
    struct wire_type_totals totals;
    struct wire_list list;
    int rc;

    if (wire_list_read(frame, &list) < 0)
        return -EBADMSG;
    while ((rc = wire_list_next_type(&list, &totals)) > 0) {
        rc = store_put_type_totals(session->store, process, &totals, session->now_mono_ms);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int read_gc(struct session *session, struct process *process, const struct wire_frame *frame)
{
    struct wire_gc gc;

    if (wire_get_gc(frame, &gc) < 0)
        return -EBADMSG;
    store_put_gc(session->store, process, &gc);
    return 0;
}

static int read_heap(struct session *session, struct process *process,
                     const struct wire_frame *frame)
{
    struct wire_heap heap;

    if (wire_get_heap(frame, &heap) < 0)
        return -EBADMSG;
    store_put_heap(session->store, process, &heap);
    return 0;
}

static int read_smaps(struct session *session, struct process *process,
                      const struct wire_frame *frame)
{
    struct wire_smaps smaps;

    if (wire_get_smaps(frame, &smaps) < 0)
        return -EBADMSG;
    store_put_smaps(session->store, process, &smaps, session->now_mono_ms, session->now_wall_ms);
    return 0;
}

static int read_mark(struct session *session, struct process *process,
                     const struct wire_frame *frame)
{
    struct wire_mark mark;

    if (wire_get_mark(frame, &mark) < 0)
        return -EBADMSG;
    return store_put_mark(session->store, process, &mark, session->now_wall_ms);
}

static int read_health(struct session *session, struct process *process,
                       const struct wire_frame *frame)
{
    struct wire_health health;

    if (wire_get_health(frame, &health) < 0)
        return -EBADMSG;
    store_put_health(session->store, process, &health);
    return 0;
}

static int read_bye(struct session *session, struct process *process,
                    const struct wire_frame *frame)
{
    struct wire_bye bye;

    (void)process;
    if (wire_get_bye(frame, &bye) < 0)
        return -EBADMSG;
    session->said_bye = true;
    session->bye_reason = bye.reason;
    return 0;
}

static int read_snapshot_types(struct snapshot *snapshot, const struct wire_frame *frame)
{
    struct wire_snapshot_type type;
    struct wire_list list;
    int rc;

    if (wire_list_read_snapshot(frame, &list) < 0)
        return -EBADMSG;
    while ((rc = wire_list_next_snapshot_type(&list, &type)) > 0) {
        rc = store_put_snapshot_type(snapshot, &type);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int read_snapshot_part(struct session *session, struct process *process,
                              struct snapshot *snapshot, int part, const struct wire_frame *frame)
{
    struct wire_snapshot_retainer retainer;
    struct wire_snapshot_state state;

    switch (part) {
    case WIRE_SNAPSHOT_PART_STATE:
        if (wire_get_snapshot_state(frame, &state) < 0)
            return -EBADMSG;
        store_put_snapshot_state(process, snapshot, &state, session->now_wall_ms);
        return 0;
    case WIRE_SNAPSHOT_PART_TYPES:
        return read_snapshot_types(snapshot, frame);
    case WIRE_SNAPSHOT_PART_RETAINER:
        if (wire_get_snapshot_retainer(frame, &retainer) < 0)
            return -EBADMSG;
        return store_put_snapshot_retainer(snapshot, &retainer);
    default:
        return 0; /* of a later version */
    }
}

/* From an agent (process is its) or from a copy (NULL): whose it is says the token alone. */
static int read_snapshot(struct session *session, struct process *process,
                         const struct wire_frame *frame)
{
    struct snapshot *snapshot;
    struct process *owner;
    uint32_t number;
    uint64_t token;
    int part = wire_get_snapshot_part(frame, &number, &token);

    if (part < 0)
        return -EBADMSG;
    owner = store_find_snapshot(session->store, number, token, &snapshot);
    if (process && owner != process) /* of an order that was given up */
        return 0;
    if (!owner)
        return -EACCES;
    if (!process) {
        session->is_copy = true;
        session->snapshot_number = number;
        session->snapshot_token = token;
    }
    return read_snapshot_part(session, owner, snapshot, part, frame);
}

void session_end(struct session *session, uint64_t now_wall_ms)
{
    struct snapshot *snapshot;
    struct process *process =
        session->is_copy ? store_find_snapshot(session->store, session->snapshot_number,
                                               session->snapshot_token, &snapshot)
                         : NULL;

    if (process)
        store_fail_snapshot(process, snapshot, "the copy of the process ended without a word",
                            now_wall_ms);
}

static const struct {
    uint16_t type;
    int (*read)(struct session *session, struct process *process, const struct wire_frame *frame);
} readers[] = {
    {WIRE_SITES, read_sites}, {WIRE_TOTALS, read_totals}, {WIRE_SITE, read_site},
    {WIRE_NAME, read_name},   {WIRE_MODULE, read_module}, {WIRE_TYPES, read_types},
    {WIRE_GC, read_gc},       {WIRE_SMAPS, read_smaps},   {WIRE_HEALTH, read_health},
    {WIRE_BYE, read_bye},     {WIRE_SNAPSHOT, read_snapshot},
    {WIRE_MARK, read_mark},   {WIRE_HEAP, read_heap},
};

static int read_record(struct session *session, struct process *process,
                       const struct wire_frame *frame)
{
    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (readers[i].type == frame->type)
            return readers[i].read(session, process, frame);
    }
    return 0; /* of a later version, or not kept: skipped */
}

/* *process is the session's, looked up once a read; HELLO makes it. */
static int read_frame(struct session *session, struct process **process,
                      const struct wire_frame *frame)
{
    int rc;

    session->last_type = frame->type;
    session->frame_count++;
    if (frame->type == WIRE_HELLO) {
        rc = read_hello(session, frame);
        *process = session_process(session);
        return rc;
    }
    if (!session->process_id[0] && frame->type == WIRE_SNAPSHOT) {
        rc = read_snapshot(session, NULL, frame);
        return rc < 0 ? refuse(session, rc, "no snapshot that was ordered") : 0;
    }
    if (!session->process_id[0])
        return refuse(session, -EPROTO, "came before HELLO");
    if (!*process) /* ended and forgotten; what still arrives has nobody to belong to */
        return 0;
    rc = read_record(session, *process, frame);
    if (rc == -ENOSPC) /* over a quota: the peer is heard, this record is not kept */
        return 0;
    if (rc == -EBADMSG)
        return refuse(session, rc, "its fields make no sense");
    return rc < 0 ? refuse(session, rc, "no memory") : 0;
}

long session_read(struct session *session, const uint8_t *data, size_t len, uint64_t now_mono_ms,
                  uint64_t now_wall_ms)
{
    struct process *process = session_process(session);
    size_t pos = 0;

    session->now_mono_ms = now_mono_ms;
    session->now_wall_ms = now_wall_ms;
    for (;;) {
        struct wire_frame frame;
        long taken = wire_frame_take(data + pos, len - pos, &frame);
        int rc;

        if (taken == 0)
            return (long)pos;
        if (taken < 0) {
            session->last_type = 0;
            return refuse(session, (int)taken, "length beyond 64 KiB");
        }
        rc = read_frame(session, &process, &frame);
        if (rc < 0)
            return rc;
        pos += (size_t)taken;
    }
}
