/* SPDX-License-Identifier: MIT */
/*
 * One agent: its connection, and after that the watch over its process's end. A peer closes itself
 * when there is nothing left to wait for. For the files of this folder and their tests only.
 */
#ifndef LEAKD_INGEST_PEER_H
#define LEAKD_INGEST_PEER_H

#include <uv.h>

#include "agent/wire/record.h"
#include "daemon/ingest/ending.h"
#include "daemon/ingest/ingest.h"
#include "daemon/ingest/session.h"

/* An agent says HELLO in its first millisecond; who is silent for so long is none. */
#define PEER_HELLO_MAX_MS 10000u
/* After the connection: time for a reconnect, or for the process to end. Agents come back within
 * seconds; an exec takes milliseconds. */
#define PEER_AWAY_MAX_MS 5000u
/* After the process's end: time for its last bytes, and for its parent to reap it. */
#define PEER_DEAD_MAX_MS 1000u
/* Orders an agent has not read; they are 17 bytes each, those of snapshots some hundred. */
#define PEER_QUEUE_BYTES_MAX 8192u
/* A copy of a process ends itself long before. */
#define PEER_COPY_MAX_MS 150000u
#define PEER_BUFFER_BYTES    (WIRE_HEADER_BYTES + WIRE_BODY_BYTES_MAX)

enum peer_state {
    PEER_NEW,     /* connected, HELLO is due */
    PEER_TALKING, /* connected */
    PEER_COPY,    /* connected; a snapshot's copy of a process, which is not watched itself */
    PEER_AWAY,    /* connection gone, the process may come back or end */
    PEER_LOST,    /* it did not; only the process's end is still of interest */
    PEER_CLOSED,  /* its handles are closing */
};

struct peer {
    struct ingest *ingest;
    struct peer *next;
    struct peer *before;
    enum peer_state state;
    struct session session;
    uv_pipe_t pipe;
    bool has_pipe;
    uv_poll_t death; /* of pidfd */
    bool has_death;
    int pidfd;
    unsigned open_handles; /* handles whose close callback is still to come */
    uint64_t since_ms;     /* in this state */
    uint64_t dead_ms;      /* the process ended; 0 while it lives */
    struct oom_mark oom;
    uint8_t *partial; /* the beginning of a frame, PEER_BUFFER_BYTES; NULL between frames */
    size_t partial_len;
};

/* Takes a connected socket. The descriptor is the callee's also on failure. */
int peer_open(struct ingest *ingest, int socket_fd, const struct process_identity *identity,
              uint64_t now_ms);
/* Without a word about the process. */
void peer_close(struct peer *peer);
/* What time alone brings about. */
void peer_sweep(struct peer *peer, uint64_t now_ms);
/* -ENOTCONN, -ENOBUFS when the agent does not read. */
int peer_send_zoom(struct peer *peer, uint64_t period_bytes, bool python);
int peer_send_snapshot_order(struct peer *peer, const struct wire_snapshot_order *order);

#endif
