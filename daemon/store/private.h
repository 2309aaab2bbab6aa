/* SPDX-License-Identifier: MIT */
/* The store's own side of what model.h shows. For the files of this folder only. */
#ifndef LEAKD_STORE_PRIVATE_H
#define LEAKD_STORE_PRIVATE_H

#include <stddef.h>

#include "daemon/store/address.h"
#include "daemon/store/intern.h"
#include "daemon/store/shots.h"
#include "daemon/store/stack.h"
#include "daemon/store/store.h"

/* All sites of all processes; further ones are not kept, the process's totals know their sum. */
#define STORE_SITES_MAX 1000000u
/* So that one connection cannot fill the store. */
#define PROCESS_NAME_BYTES_MAX (4u << 20)
#define PROCESS_ADDRESSES_MAX  65536u

struct process_module {
    struct module module;
    struct image *image;
};

struct entry {
    struct process process;         /* first: a process is found in its entry by its address */
    struct process_module *modules; /* in order of id */
    size_t module_count;
    const char **names; /* by id; NULL where none came */
    size_t name_cap;
    size_t name_bytes;
    uint16_t *site_slots; /* by id: index in process.sites plus 1 */
    size_t site_slot_count;
    size_t site_cap;
    size_t type_cap;
    size_t unnamed_sites; /* without fingerprint, frames known */
    size_t address_count; /* asked for by this process */
    unsigned program;     /* 1, and counted on by each exec */
    uint64_t totals_mono_ms;
    uint64_t totals_wall_ms;
    struct shots *shots;
};

/* Samples of live bytes and of what is resident come once a second. */
#define DETECT_STEP_MS 1000

struct store {
    struct store_limits limits;
    struct entry **entries; /* in order of first sight */
    size_t count;
    size_t cap;
    struct map *by_id;
    struct map *by_identity; /* struct identity_key */
    struct map *by_start;    /* struct start_key: the newest program of a pid */
    struct intern *texts;
    struct intern *stacks;
    struct addresses *addresses;
    size_t site_count;
    size_t type_count;
    size_t refused_sites;
    uint64_t names_revision; /* grows when an address was answered or a module came */
    uint64_t settled_revision;
    size_t settle_at;            /* index of the entry where the next settling goes on */
    struct incident **incidents; /* oldest first */
    size_t incident_count;
    size_t incident_cap;
    uint64_t incident_serial;
    struct operator_mark **marks; /* oldest first */
    size_t mark_count;
};

static inline struct entry *entry_of(const struct process *process)
{
    return (struct entry *)(uintptr_t)process;
}

void entry_free(struct store *store, struct entry *entry);
const struct process_module *entry_find_module(const struct entry *entry, uint32_t id);
struct site *entry_find_site(const struct entry *entry, uint32_t id);
/* Asks for the names of a site's frames; fingerprints it once all are there. */
void site_settle(struct store *store, struct entry *entry, struct site *site);

/* What a fingerprint is made of; frames as query_frames gives them. */
void fingerprint_of(const struct frame *frames, size_t count, char out[17]);

#endif
