/* SPDX-License-Identifier: MIT */
/*
 * What a peer says, turned into calls of the store. Bytes in, verdict on them out: knows no socket
 * and no loop, so that tests and the fuzzer can talk to it.
 */
#ifndef LEAKD_INGEST_SESSION_H
#define LEAKD_INGEST_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/store.h"

struct session {
    struct store *store;
    const struct detect_profile *profile; /* for agents that ask for none */
    struct process_identity identity;     /* kernel facts; the instance comes with HELLO */
    char process_id[40];                  /* "" before HELLO */
    bool greeted;                         /* HELLO came: the caller answers and clears it */
    bool is_new;                          /* the first one of this connection; cleared likewise */
    bool is_copy; /* a snapshot's copy of a process, not an agent */
    uint32_t snapshot_number; /* and which one */
    uint64_t snapshot_token;
    bool said_bye; /* and no totals since */
    bool said_impossible; /* its figures were complained about */
    uint8_t bye_reason; /* enum wire_bye_reason */
    uint64_t frame_count;
    uint16_t last_type;  /* of the last frame, the bad one after an error */
    const char *problem; /* what was wrong with it */
    uint64_t now_mono_ms;
    uint64_t now_wall_ms;
};

void session_init(struct session *session, struct store *store,
                  const struct detect_profile *profile, const struct process_identity *identity);

/* Takes all whole frames off data. Returns how many bytes they had, or a negative errno, with the
 * reason in problem: the sender is then not worth listening to any more. */
long session_read(struct session *session, const uint8_t *data, size_t len, uint64_t now_mono_ms,
                  uint64_t now_wall_ms);

/* The connection is over: a snapshot whose copy spoke here will not be completed. */
void session_end(struct session *session, uint64_t now_wall_ms);

/* The process of the session, NULL before HELLO and once the store has forgotten it. */
struct process *session_process(const struct session *session);

#endif
