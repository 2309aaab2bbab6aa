/* SPDX-License-Identifier: MIT */
/*
 * The agents' socket: accepts, proves who the peer is by the kernel, turns frames into calls of the
 * store. A bad frame costs its sender the connection and nobody else anything. Loop thread.
 */
#ifndef LEAKD_INGEST_INGEST_H
#define LEAKD_INGEST_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct conf;
struct wire_snapshot_order;
struct process;
struct store;
struct ingest;

struct ingest_stats {
    uint64_t connections;
    uint64_t connected; /* now */
    uint64_t frames_total;
    uint64_t bytes_total;
    uint64_t refused_connections; /* over a cap, or not who they must be */
    uint64_t bad_frames;
};

/* listen_fd >= 0: a socket handed in by systemd, else the path of conf is bound (a dead socket
 * there is replaced, a living daemon's is -EADDRINUSE). error is one sentence. */
int ingest_start(uv_loop_t *loop, const struct conf *conf, struct store *store, int listen_fd,
                 struct ingest **out, char *error, size_t error_size);
void ingest_stop(struct ingest *ingest, void (*on_stopped)(void *arg), void *arg);

/* Orders the agent of a process; -ENOTCONN when it is not there. */
int ingest_order_zoom(struct ingest *ingest, const struct process *process, uint64_t period_bytes,
                      bool python);

/* Also -EMSGSIZE for an order that no agent reads. */
int ingest_order_snapshot(struct ingest *ingest, const struct process *process,
                          const struct wire_snapshot_order *order);

void ingest_read_stats(const struct ingest *ingest, struct ingest_stats *out);

#endif
