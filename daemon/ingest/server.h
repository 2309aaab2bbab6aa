/* SPDX-License-Identifier: MIT */
/* The agents' socket from the inside. For the files of this folder and their tests only. */
#ifndef LEAKD_INGEST_SERVER_H
#define LEAKD_INGEST_SERVER_H

#include "daemon/ingest/peer.h"

struct map;
struct procfs;

struct ingest {
    uv_loop_t *loop;
    struct store *store;
    const struct procfs *fs;
    const struct detect_profile *profile;
    unsigned connections_max;
    unsigned connections_per_user_max;
    char path[108]; /* bound by us: unlinked at the end; "" when systemd did it */
    int listen_fd;
    uv_poll_t listener;
    uv_timer_t sweeper;
    uv_timer_t pause; /* out of descriptors: no accept until it fires */
    unsigned open_handles;
    bool stopping;
    void (*on_stopped)(void *arg);
    void *arg;
    struct peer *peers;
    struct map *by_process; /* process id -> the peer that speaks for it */
    struct map *per_user;   /* uid -> connections, as the pointer's value */
    struct ingest_stats stats;
    uint8_t buffer[PEER_BUFFER_BYTES]; /* every peer reads into it, one at a time */
};

/* Bookkeeping of peers. */
void ingest_add_peer(struct ingest *ingest, struct peer *peer);
void ingest_remove_peer(struct ingest *ingest, struct peer *peer); /* frees it */
/* Counts a user's connections; -ENOMEM: not counted, and not to be dropped. */
int ingest_add_connection(struct ingest *ingest, uid_t uid);
void ingest_drop_connection(struct ingest *ingest, uid_t uid);
/* The peer speaks for its process from now on; the one before is closed. */
void ingest_take_over(struct ingest *ingest, struct peer *peer);
/* The timer's work, by itself for tests. */
void ingest_sweep(struct ingest *ingest, uint64_t now_ms);

/* listen.c. The descriptor, or a negative errno with one sentence in error. */
int listen_open(const char *path, unsigned mode, char *error, size_t error_size);

#endif
