/* SPDX-License-Identifier: MIT */
/*
 * What malloc and free do on every call, inline, and the doors to the slow path. For agent/preload.
 */
#ifndef LEAKD_AGENT_CORE_HOT_H
#define LEAKD_AGENT_CORE_HOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/core/attr.h"
#include "agent/core/counter.h"
#include "agent/core/live.h"
#include "agent/core/thread.h"
#include "agent/wire/record.h"

/* 1024 of glibc's smallest blocks: between two visits of the slow path lie no more operations. */
#define HOT_POLL_BYTES 32768

/* Counts a block; true when the slow path is due (core_alloc_event). */
static inline bool hot_alloc(struct thread_slot *slot, size_t size_bytes)
{
    counter_add(&slot->alloc_bytes, size_bytes);
    counter_add(&slot->alloc_count, 1);
    return unlikely(counter_read(&slot->alloc_bytes) >= slot->alloc_event);
}

/* The same for a block that goes (core_free_event). */
static inline bool hot_free(struct thread_slot *slot, size_t size_bytes)
{
    counter_add(&slot->free_bytes, size_bytes);
    counter_add(&slot->free_count, 1);
    return unlikely(counter_read(&slot->free_bytes) >= slot->free_event);
}

/* Maps and lays out all tables; false when there is no memory. Once, inside the first malloc. */
bool core_start(void);

/* How the hooks measure a block. */
void core_set_native_method(enum wire_method method);

/* Why native allocations are not seen, for the hello; before any core_describe_runtime. */
void core_describe_native(const char *reason);

/* From the constructor, when the unwinder is ready: samples are taken from now on. */
void core_start_sampling(uint64_t period_bytes);

/* A daemon's order, or the environment's. */
void core_set_period(uint64_t period_bytes);

/* After hot_alloc said so, between core_enter and core_leave: samples the block if it is hit.
 * True when it is time to call what runs on the slow path. */
bool core_alloc_event(void *addr, size_t size_bytes);
bool core_free_event(void);
/* Instead of these two when core_enter has refused. */
void core_put_off_events(void);

/* Before the real free of an address that live_maybe has not ruled out. */
void core_forget(uintptr_t addr);

/* Accounts a sample that live_take has taken out of the table for good. */
void core_account_free(const struct live_sample *sample);

#endif
