/* SPDX-License-Identifier: MIT */
/*
 * The door: accepts by hand instead of uv_listen, because a listening libuv stream cannot pause,
 * and out of descriptors it would refuse everybody in a loop.
 */
#include "daemon/ingest/ingest.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/conf.h"
#include "daemon/base/log.h"
#include "daemon/base/map.h"
#include "daemon/base/procfs.h"
#include "daemon/ingest/server.h"

#define SWEEP_MS       1000
#define PAUSE_MS       100 /* out of descriptors or memory: others must close some first */
#define ACCEPTS_A_TURN 64  /* then the peers that are in get their turn */

/* ---- the books ----------------------------------------------------------------------------- */

void ingest_add_peer(struct ingest *ingest, struct peer *peer)
{
    peer->next = ingest->peers;
    if (peer->next)
        peer->next->before = peer;
    ingest->peers = peer;
}

static void stop_when_empty(struct ingest *ingest);

void ingest_remove_peer(struct ingest *ingest, struct peer *peer)
{
    const char *id = peer->session.process_id;

    if (map_get_str(ingest->by_process, id) == peer)
        map_take_str(&ingest->by_process, id);
    if (peer->next)
        peer->next->before = peer->before;
    if (peer->before)
        peer->before->next = peer->next;
    else
        ingest->peers = peer->next;
    oom_mark_done(&peer->oom);
    free(peer);
    stop_when_empty(ingest);
}

static unsigned user_connections(const struct ingest *ingest, uid_t uid)
{
    return (unsigned)(uintptr_t)map_get_u64(ingest->per_user, uid);
}

int ingest_add_connection(struct ingest *ingest, uid_t uid)
{
    uintptr_t count = user_connections(ingest, uid) + 1;
    int rc = map_put_u64(&ingest->per_user, uid, (void *)count);

    if (rc == 0)
        ingest->stats.connected++;
    return rc;
}

void ingest_drop_connection(struct ingest *ingest, uid_t uid)
{
    uintptr_t count = user_connections(ingest, uid);

    assert(count > 0 && ingest->stats.connected > 0);
    ingest->stats.connected--;
    if (count == 1)
        map_take_u64(&ingest->per_user, uid);
    else
        map_put_u64(&ingest->per_user, uid, (void *)(count - 1)); /* is there: cannot fail */
}

void ingest_take_over(struct ingest *ingest, struct peer *peer)
{
    const char *id = peer->session.process_id;
    struct peer *before = map_get_str(ingest->by_process, id);

    if (before && before != peer)
        peer_close(before);
    if (map_put_str(&ingest->by_process, id, peer) < 0)
        log_error("ingest.memory", "process=%s, it will not get orders", id);
}

/* ---- accepting ----------------------------------------------------------------------------- */

/* Who it is, by the kernel alone. A process that has already ended has no start time left. */
static int identify(const struct ingest *ingest, int fd, struct process_identity *out)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    struct procfs_stat stat;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return -errno;
    out->pid = cred.pid;
    out->uid = cred.uid;
    out->gid = cred.gid;
    if (cred.pid > 0 && procfs_read_stat(ingest->fs, cred.pid, &stat) == 0)
        out->start_ticks = stat.start_ticks;
    return 0;
}

/* The reason not to let it in, or NULL. */
static const char *refusal(const struct ingest *ingest, uid_t uid)
{
    if (ingest->stats.connected >= ingest->connections_max)
        return "[agents] connections_max is reached";
    if (user_connections(ingest, uid) >= ingest->connections_per_user_max)
        return "[agents] connections_per_user_max is reached";
    return NULL;
}

/* One line a second is enough to say that the door is full. */
static void log_refusal(const struct process_identity *identity, const char *reason)
{
    static uint64_t last_ms;
    uint64_t now_ms = clock_mono_ms();

    if (last_ms != 0 && now_ms - last_ms < 1000)
        return;
    last_ms = now_ms;
    log_warning("peer.refuse", "pid=%d uid=%u reason=\"%s\"", (int)identity->pid,
                (unsigned)identity->uid, reason);
}

static void admit(struct ingest *ingest, int fd)
{
    struct process_identity identity = {0};
    const char *reason = "its credentials are not readable";
    int rc = identify(ingest, fd, &identity);

    ingest->stats.connections++;
    if (rc == 0)
        reason = refusal(ingest, identity.uid);
    if (reason) {
        ingest->stats.refused_connections++;
        log_refusal(&identity, reason);
        close(fd);
        return;
    }
    rc = peer_open(ingest, fd, &identity, clock_mono_ms());
    if (rc < 0)
        log_error("peer.open", "pid=%d error=\"%s\", closing it", (int)identity.pid,
                  uv_strerror(rc));
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void on_pause_over(uv_timer_t *timer)
{
    struct ingest *ingest = timer->data;

    uv_poll_start(&ingest->listener, UV_READABLE, on_connection);
}

static void pause_accepting(struct ingest *ingest, int error)
{
    log_warning("ingest.pause", "error=\"%s\", accepting again in %d ms", strerror(error),
                PAUSE_MS);
    uv_poll_stop(&ingest->listener);
    uv_timer_start(&ingest->pause, on_pause_over, PAUSE_MS, 0);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct ingest *ingest = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(ingest->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            admit(ingest, fd);
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        pause_accepting(ingest, errno);
        return;
    }
}

/* ---- start and stop ------------------------------------------------------------------------ */

void ingest_sweep(struct ingest *ingest, uint64_t now_ms)
{
    struct peer *next;

    for (struct peer *peer = ingest->peers; peer; peer = next) {
        next = peer->next;
        peer_sweep(peer, now_ms);
    }
}

static void on_sweep(uv_timer_t *timer)
{
    ingest_sweep(timer->data, clock_mono_ms());
}

static struct ingest *ingest_new(uv_loop_t *loop, const struct conf *conf, struct store *store)
{
    struct ingest *ingest = calloc(1, sizeof(*ingest));

    if (!ingest)
        return NULL;
    ingest->loop = loop;
    ingest->store = store;
    ingest->fs = &procfs_host;
    ingest->profile = detect_profile_find(conf->detect.profile);
    if (!ingest->profile)
        ingest->profile = detect_profile_find("default");
    ingest->connections_max = conf->agents.connections_max;
    ingest->connections_per_user_max = conf->agents.connections_per_user_max;
    return ingest;
}

static int start_handles(struct ingest *ingest)
{
    int rc = uv_poll_init(ingest->loop, &ingest->listener, ingest->listen_fd);

    if (rc < 0)
        return rc;
    uv_timer_init(ingest->loop, &ingest->sweeper);
    uv_timer_init(ingest->loop, &ingest->pause);
    ingest->listener.data = ingest->sweeper.data = ingest->pause.data = ingest;
    ingest->open_handles = 3;
    uv_timer_start(&ingest->sweeper, on_sweep, SWEEP_MS, SWEEP_MS);
    uv_poll_start(&ingest->listener, UV_READABLE, on_connection);
    return 0;
}

int ingest_start(uv_loop_t *loop, const struct conf *conf, struct store *store, int listen_fd,
                 struct ingest **out, char *error, size_t error_size)
{
    struct ingest *ingest = ingest_new(loop, conf, store);
    int rc;

    if (!ingest) {
        snprintf(error, error_size, "no memory for the agents' socket");
        return -ENOMEM;
    }
    ingest->listen_fd = listen_fd;
    if (listen_fd < 0) {
        ingest->listen_fd =
            listen_open(conf->agents.socket, conf->agents.socket_mode, error, error_size);
        rc = ingest->listen_fd;
        if (rc < 0)
            goto free_ingest;
        snprintf(ingest->path, sizeof(ingest->path), "%s", conf->agents.socket);
    }
    rc = start_handles(ingest);
    if (rc < 0) {
        snprintf(error, error_size, "cannot watch the agents' socket: %s", uv_strerror(rc));
        goto close_socket;
    }
    *out = ingest;
    return 0;

close_socket:
    if (ingest->path[0]) {
        unlink(ingest->path);
        close(ingest->listen_fd);
    }
free_ingest:
    free(ingest);
    return rc;
}

static void stop_when_empty(struct ingest *ingest)
{
    void (*on_stopped)(void *arg) = ingest->on_stopped;
    void *arg = ingest->arg;

    if (!ingest->stopping || ingest->peers || ingest->open_handles > 0)
        return;
    close(ingest->listen_fd);
    map_free(&ingest->by_process);
    map_free(&ingest->per_user);
    free(ingest);
    if (on_stopped)
        on_stopped(arg);
}

static void on_closed(uv_handle_t *handle)
{
    struct ingest *ingest = handle->data;

    ingest->open_handles--;
    stop_when_empty(ingest);
}

void ingest_stop(struct ingest *ingest, void (*on_stopped)(void *arg), void *arg)
{
    struct peer *next;

    ingest->on_stopped = on_stopped;
    ingest->arg = arg;
    if (ingest->path[0])
        unlink(ingest->path);
    for (struct peer *peer = ingest->peers; peer; peer = next) {
        next = peer->next;
        peer_close(peer);
    }
    ingest->stopping = true;
    uv_close((uv_handle_t *)&ingest->listener, on_closed);
    uv_close((uv_handle_t *)&ingest->sweeper, on_closed);
    uv_close((uv_handle_t *)&ingest->pause, on_closed);
}

int ingest_order_zoom(struct ingest *ingest, const struct process *process, uint64_t period_bytes,
                      bool python)
{
    struct peer *peer = map_get_str(ingest->by_process, process->id);

    return peer ? peer_send_zoom(peer, period_bytes, python) : -ENOTCONN;
}

int ingest_order_snapshot(struct ingest *ingest, const struct process *process,
                          const struct wire_snapshot_order *order)
{
    struct peer *peer = map_get_str(ingest->by_process, process->id);

    return peer ? peer_send_snapshot_order(peer, order) : -ENOTCONN;
}

void ingest_read_stats(const struct ingest *ingest, struct ingest_stats *out)
{
    *out = ingest->stats;
}
