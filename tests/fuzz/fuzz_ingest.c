/* SPDX-License-Identifier: MIT */
/*
 * Bytes of a stranger into a session and its store. The first byte says how the rest is cut into
 * reads and whether a HELLO goes in front, so that the fuzzer need not find one before it sees
 * anything; afterwards everything a reader could ask for is asked for.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/wire/record.h"
#include "daemon/base/log.h"
#include "daemon/ingest/session.h"

#define BUFFER_BYTES (WIRE_HEADER_BYTES + WIRE_BODY_BYTES_MAX)

static struct store *open_store(void)
{
    struct store_limits limits = {.processes_max = 4, .exited_retention_ms = 1000};
    struct store *store;

    log_set_level(LOG_LEVEL_ERROR);
    if (store_new(&limits, &store) < 0)
        abort();
    return store;
}

static void say_hello(struct session *session)
{
    struct wire_hello hello = {.protocol = WIRE_PROTOCOL, .instance = 7, .exe = {"/bin/x", 6}};
    uint8_t bytes[256];
    struct wire_wr wr;

    wire_wr_init(&wr, bytes, sizeof(bytes));
    wire_put_hello(&wr, &hello);
    if (session_read(session, bytes, wire_wr_len(&wr), 1000, 1000) != (long)wire_wr_len(&wr))
        abort();
}

/* As a peer would: reads of at most step bytes, what is left over goes in front of the next. */
static void read_all(struct session *session, const uint8_t *data, size_t size, size_t step)
{
    static uint8_t buffer[BUFFER_BYTES];
    size_t held = 0;

    while (size > 0) {
        size_t room = sizeof(buffer) - held;
        size_t n = size < step ? size : step;
        long taken;

        n = n < room ? n : room;
        memcpy(buffer + held, data, n);
        data += n;
        size -= n;
        held += n;
        taken = session_read(session, buffer, held, 2000, 2000);
        if (taken < 0)
            return;
        if ((size_t)taken > held || (taken == 0 && held == sizeof(buffer)))
            abort(); /* a whole frame always fits */
        held -= (size_t)taken;
        memmove(buffer, buffer + taken, held);
    }
}

static void ask_everything(struct store *store)
{
    static const struct site *sites[WIRE_SITES_MAX + 1];
    static const struct type *types[WIRE_TYPES_MAX + 1];
    struct store_symbol_frame symbol = {"f", "f.c", 1, false};
    struct store_address address;
    struct store_stats stats;
    struct frame frames[100];

    while (store_take_unresolved(store, &address, 1) == 1)
        store_put_symbol(store, address.key, &symbol, 1);
    store_settle(store);
    query_stats(store, &stats);
    for (size_t i = 0; i < query_process_count(store); i++) {
        const struct process *process = query_process_at(store, i);
        size_t count = query_sites(process, ORDER_LIVE, sites, WIRE_SITES_MAX + 1);

        for (size_t j = 0; j < count; j++) {
            query_culprit(frames, query_frames(store, process, sites[j], frames, 100));
            query_site_kind(sites[j]);
        }
        query_types(process, ORDER_GROWTH, types, WIRE_TYPES_MAX + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct process_identity identity = {.pid = 42, .uid = 1, .start_ticks = 1};
    struct store *store;
    struct session session;

    if (size < 1)
        return 0;
    store = open_store();
    session_init(&session, store, detect_profile_find("default"), &identity);
    if (data[0] & 1)
        say_hello(&session);
    read_all(&session, data + 1, size - 1, (size_t)(data[0] >> 1) * 17 + 1);
    ask_everything(store);
    store_free(store);
    return 0;
}
