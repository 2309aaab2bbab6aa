/* SPDX-License-Identifier: MIT */
#include "daemon/ingest/peer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/procfs.h"
#include "daemon/ingest/server.h"

#define ORDER_BYTES_MAX 2048 /* an agent reads no longer ones */

struct order {
    uv_write_t request;
    uint8_t bytes[ORDER_BYTES_MAX];
};

static void move(struct peer *peer, enum peer_state state)
{
    peer->state = state;
    peer->since_ms = clock_mono_ms();
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct peer *peer = handle->data;

    if (handle == (uv_handle_t *)&peer->death)
        close(peer->pidfd);
    if (--peer->open_handles == 0 && peer->state == PEER_CLOSED)
        ingest_remove_peer(peer->ingest, peer);
}

static void close_pipe(struct peer *peer)
{
    if (!peer->has_pipe)
        return;
    peer->has_pipe = false;
    ingest_drop_connection(peer->ingest, peer->session.identity.uid);
    uv_close((uv_handle_t *)&peer->pipe, on_handle_closed);
    free(peer->partial);
    peer->partial = NULL;
    peer->partial_len = 0;
}

void peer_close(struct peer *peer)
{
    if (peer->state == PEER_CLOSED)
        return;
    close_pipe(peer);
    if (peer->has_death)
        uv_close((uv_handle_t *)&peer->death, on_handle_closed);
    peer->has_death = false;
    move(peer, PEER_CLOSED);
    if (peer->open_handles == 0)
        ingest_remove_peer(peer->ingest, peer);
}

static void set_process_state(struct peer *peer, enum process_state state)
{
    struct process *process = session_process(&peer->session);

    if (!process || process->ended_mono_ms != 0)
        return;
    log_info("process.end", "id=%s name=%s state=%s", process->id, process->name,
             process_state_name(state));
    store_set_state(peer->session.store, process, state, clock_mono_ms(), clock_wall_ms());
}

/* The signals by which people and service managers ask a program to stop. */
static bool is_request(int signal_number)
{
    return signal_number == SIGTERM || signal_number == SIGINT || signal_number == SIGHUP;
}

static enum process_state judge_end(const struct peer *peer, const struct ending *ending)
{
    bool killed = ending->known ? ending->by_signal : !peer->session.said_bye;

    if (!killed || (ending->known && is_request(ending->code)))
        return PROCESS_EXITED;
    if (ending->known && ending->code != SIGKILL)
        return PROCESS_KILLED;
    return oom_mark_rose(&peer->oom) ? PROCESS_OOM_KILLED : PROCESS_KILLED;
}

/* The process is dead and said its last. Waits for the kernel's word while that may still come. */
static void finish(struct peer *peer, uint64_t now_ms)
{
    struct process *process = session_process(&peer->session);
    struct ending ending = {0};
    bool may_wait = now_ms - peer->dead_ms < PEER_DEAD_MAX_MS;

    if (peer->has_death && ending_read(peer->pidfd, &ending) == -EAGAIN && may_wait)
        return;
    if (ending.known && process)
        store_put_ending(process, ending.by_signal ? ending.code : 0,
                         ending.by_signal ? -1 : ending.code);
    set_process_state(peer, judge_end(peer, &ending));
    peer_close(peer);
}

/* The connection is over; what becomes of the process is seen in a moment. */
static void go_away(struct peer *peer)
{
    close_pipe(peer);
    if (peer->state == PEER_NEW || peer->state == PEER_COPY) {
        session_end(&peer->session, clock_wall_ms());
        peer_close(peer);
        return;
    }
    if (peer->session.said_bye && peer->session.bye_reason == WIRE_BYE_EXEC) {
        set_process_state(peer, PROCESS_EXITED);
        peer_close(peer);
        return;
    }
    move(peer, PEER_AWAY);
    if (peer->dead_ms != 0)
        finish(peer, clock_mono_ms());
}

static void drop(struct peer *peer)
{
    const struct session *session = &peer->session;

    log_warning("peer.drop", "pid=%d uid=%u process=%s record=%s reason=\"%s\", closing it",
                (int)session->identity.pid, (unsigned)session->identity.uid,
                session->process_id[0] ? session->process_id : "unknown",
                session->last_type ? wire_type_name(session->last_type) : "header",
                session->problem);
    peer->ingest->stats.bad_frames++;
    go_away(peer);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void on_written(uv_write_t *request, int status)
{
    (void)status; /* a broken connection shows up in reading */
    free(request->data);
}

static int send_later(struct peer *peer, const uint8_t *bytes, size_t len)
{
    struct order *order;
    uv_buf_t buf;
    int rc;

    if (uv_stream_get_write_queue_size((uv_stream_t *)&peer->pipe) + len > PEER_QUEUE_BYTES_MAX)
        return -ENOBUFS;
    order = malloc(sizeof(*order));
    if (!order)
        return -ENOMEM;
    memcpy(order->bytes, bytes, len);
    order->request.data = order;
    buf = uv_buf_init((char *)order->bytes, (unsigned)len);
    rc = uv_write(&order->request, (uv_stream_t *)&peer->pipe, &buf, 1, on_written);
    if (rc < 0)
        free(order);
    return rc;
}

static int send_record(struct peer *peer, const struct wire_wr *wr)
{
    size_t len = wire_wr_len(wr);
    uv_buf_t buf = uv_buf_init((char *)wr->start, (unsigned)len);
    int sent = uv_try_write((uv_stream_t *)&peer->pipe, &buf, 1);

    if (sent == UV_EAGAIN)
        sent = 0;
    if (sent < 0)
        return sent;
    return (size_t)sent == len ? 0 : send_later(peer, wr->start + sent, len - (size_t)sent);
}

static void send_welcome(struct peer *peer)
{
    struct wire_welcome welcome = {.protocol = WIRE_PROTOCOL};
    uint8_t bytes[ORDER_BYTES_MAX];
    struct wire_wr wr;

    wire_wr_init(&wr, bytes, sizeof(bytes));
    if (wire_put_welcome(&wr, &welcome))
        send_record(peer, &wr);
}

int peer_send_zoom(struct peer *peer, uint64_t period_bytes, bool python)
{
    struct wire_zoom zoom = {.period_bytes = period_bytes, .python = python};
    uint8_t bytes[ORDER_BYTES_MAX];
    struct wire_wr wr;

    if (peer->state != PEER_TALKING)
        return -ENOTCONN;
    wire_wr_init(&wr, bytes, sizeof(bytes));
    if (!wire_put_zoom(&wr, &zoom))
        return -EINVAL;
    return send_record(peer, &wr);
}

int peer_send_snapshot_order(struct peer *peer, const struct wire_snapshot_order *order)
{
    uint8_t bytes[ORDER_BYTES_MAX];
    struct wire_wr wr;

    if (peer->state != PEER_TALKING)
        return -ENOTCONN;
    wire_wr_init(&wr, bytes, sizeof(bytes));
    return wire_put_snapshot_order(&wr, order) ? send_record(peer, &wr) : -EMSGSIZE;
}

/* ---- reading ------------------------------------------------------------------------------- */

static void on_space_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct peer *peer = handle->data;

    (void)suggested;
    if (peer->partial)
        *buf = uv_buf_init((char *)peer->partial + peer->partial_len,
                           (unsigned)(PEER_BUFFER_BYTES - peer->partial_len));
    else
        *buf = uv_buf_init((char *)peer->ingest->buffer, sizeof(peer->ingest->buffer));
}

/* What only the first HELLO of a connection tells: who speaks, and how his memory is bounded. */
static void welcome(struct peer *peer)
{
    struct process *process = session_process(&peer->session);
    const struct procfs *fs = peer->ingest->fs;
    pid_t pid = peer->session.identity.pid;
    uint64_t started_wall_ms;
    char unit[128];

    peer->session.greeted = false;
    send_welcome(peer);
    if (!peer->session.is_new || !process)
        return;
    peer->session.is_new = false;
    move(peer, PEER_TALKING);
    ingest_take_over(peer->ingest, peer);
    log_info("process.hello", "id=%s name=%s runtime=\"%s\" agent=%s reason=\"%s\"", process->id,
             process->name, process->runtime, process->agent_version, process->reason);
    if (pid <= 0)
        return;
    oom_mark_read(fs, pid, &peer->oom);
    if (procfs_read_unit(fs, pid, unit, sizeof(unit)) == 0)
        store_put_unit(peer->session.store, process, unit);
    if (peer->session.identity.start_ticks > 0 &&
        procfs_start_wall_ms(fs, peer->session.identity.start_ticks, &started_wall_ms) == 0)
        store_put_started(peer->session.store, process, started_wall_ms);
}

/* Keeps the beginning of a frame until its rest comes. */
static bool keep(struct peer *peer, const uint8_t *data, size_t len)
{
    if (peer->partial) {
        memmove(peer->partial, data, len);
    } else if (len > 0) {
        peer->partial = malloc(PEER_BUFFER_BYTES);
        if (!peer->partial)
            return false;
        memcpy(peer->partial, data, len);
    }
    peer->partial_len = len;
    if (len == 0) {
        free(peer->partial);
        peer->partial = NULL;
    }
    return true;
}

static void take_bytes(struct peer *peer, const uint8_t *data, size_t len)
{
    uint64_t frames = peer->session.frame_count;
    long taken = session_read(&peer->session, data, len, clock_mono_ms(), clock_wall_ms());

    peer->ingest->stats.frames_total += peer->session.frame_count - frames;
    if (peer->session.greeted)
        welcome(peer);
    if (peer->session.is_copy && peer->state == PEER_NEW)
        move(peer, PEER_COPY);
    if (taken < 0) {
        drop(peer);
    } else if (!keep(peer, data + taken, len - (size_t)taken)) {
        peer->session.problem = "no memory for its next frame";
        drop(peer);
    }
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    struct peer *peer = stream->data;

    (void)buf;
    if (count < 0) {
        go_away(peer);
        return;
    }
    if (count == 0)
        return;
    peer->ingest->stats.bytes_total += (uint64_t)count;
    if (peer->partial)
        take_bytes(peer, peer->partial, peer->partial_len + (size_t)count);
    else
        take_bytes(peer, peer->ingest->buffer, (size_t)count);
}

/* ---- life ---------------------------------------------------------------------------------- */

/* While the connection is open its last bytes are still to be read; then go_away() finishes. */
static void on_death(uv_poll_t *poll, int status, int events)
{
    struct peer *peer = poll->data;

    (void)status;
    (void)events;
    uv_poll_stop(poll);
    peer->dead_ms = clock_mono_ms();
    if (!peer->has_pipe)
        finish(peer, peer->dead_ms);
}

static void watch_death(struct peer *peer, int socket_fd)
{
    int pidfd = ending_open_pidfd(socket_fd, peer->session.identity.pid);

    if (pidfd < 0)
        return;
    if (uv_poll_init(peer->ingest->loop, &peer->death, pidfd) < 0) {
        close(pidfd);
        return;
    }
    peer->pidfd = pidfd;
    peer->death.data = peer;
    peer->has_death = true;
    peer->open_handles++;
    uv_poll_start(&peer->death, UV_READABLE, on_death);
}

static bool process_lives(const struct peer *peer)
{
    const struct process_identity *identity = &peer->session.identity;
    struct procfs_stat stat;

    if (identity->pid == 0) /* out of sight */
        return true;
    return procfs_read_stat(peer->ingest->fs, identity->pid, &stat) == 0 &&
           stat.start_ticks == identity->start_ticks && stat.state != 'Z';
}

/* It did not come back in time. */
static void give_up(struct peer *peer, uint64_t now_ms)
{
    if (peer->session.said_bye && peer->session.bye_reason == WIRE_BYE_EXIT) {
        set_process_state(peer, PROCESS_EXITED);
        peer_close(peer);
    } else if (!process_lives(peer)) {
        if (peer->dead_ms == 0)
            peer->dead_ms = now_ms - PEER_DEAD_MAX_MS;
        finish(peer, now_ms);
    } else {
        set_process_state(peer, PROCESS_LOST);
        move(peer, PEER_LOST);
        if (!peer->has_death) /* nothing would tell us of its end */
            peer_close(peer);
    }
}

void peer_sweep(struct peer *peer, uint64_t now_ms)
{
    bool is_gone = peer->state == PEER_AWAY || peer->state == PEER_LOST;
    const struct process *process = session_process(&peer->session);

    if (peer->state == PEER_CLOSED)
        return;
    if (peer->state == PEER_NEW && now_ms - peer->since_ms > PEER_HELLO_MAX_MS) {
        peer->session.problem = "no HELLO within 10 s";
        drop(peer);
    } else if (peer->state == PEER_COPY && now_ms - peer->since_ms > PEER_COPY_MAX_MS) {
        peer->session.problem = "a snapshot without end";
        drop(peer);
    } else if (is_gone && (!process || process->ended_mono_ms != 0)) {
        peer_close(peer); /* forgotten, or replaced by exec */
    } else if (peer->dead_ms != 0 && (is_gone || now_ms - peer->dead_ms >= PEER_DEAD_MAX_MS)) {
        if (peer->state == PEER_NEW || peer->state == PEER_COPY)
            go_away(peer);
        else
            finish(peer, now_ms);
    } else if (peer->state == PEER_AWAY && now_ms - peer->since_ms > PEER_AWAY_MAX_MS) {
        give_up(peer, now_ms);
    }
}

int peer_open(struct ingest *ingest, int socket_fd, const struct process_identity *identity,
              uint64_t now_ms)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    int rc;

    if (!peer) {
        close(socket_fd);
        return -ENOMEM;
    }
    peer->ingest = ingest;
    peer->since_ms = now_ms;
    session_init(&peer->session, ingest->store, ingest->profile, identity);
    rc = ingest_add_connection(ingest, identity->uid);
    if (rc < 0)
        goto free_peer;
    rc = uv_pipe_init(ingest->loop, &peer->pipe, 0);
    if (rc < 0)
        goto drop_connection;
    peer->pipe.data = peer;
    peer->has_pipe = true;
    peer->open_handles = 1;
    ingest_add_peer(ingest, peer);
    watch_death(peer, socket_fd);
    rc = uv_pipe_open(&peer->pipe, socket_fd);
    if (rc < 0)
        close(socket_fd); /* not the handle's yet */
    else
        rc = uv_read_start((uv_stream_t *)&peer->pipe, on_space_wanted, on_read);
    if (rc < 0)
        peer_close(peer);
    return rc;

drop_connection:
    ingest_drop_connection(ingest, identity->uid);
free_peer:
    close(socket_fd);
    free(peer);
    return rc;
}
