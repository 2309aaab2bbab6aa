/* SPDX-License-Identifier: MIT */
#include "daemon/http/slots.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/map.h"
#include "daemon/http/exposition.h"
#include "daemon/store/query.h"

struct entry {
    struct slot slot;
    char *raw_label; /* before what is no UTF-8 was replaced */
    char id[40];
    uint64_t seen; /* round in which the process lived */
};

struct slots {
    struct entry **entries; /* in order of first sight */
    size_t count;
    size_t cap;
    struct map *by_id;
    struct map *taken; /* "WORKER label" -> entry */
    uint64_t round;
};

int slots_new(struct slots **out)
{
    *out = calloc(1, sizeof(**out));
    return *out ? 0 : -ENOMEM;
}

static void entry_free(struct entry *entry)
{
    free(entry->slot.label);
    free(entry->raw_label);
    free(entry);
}

void slots_free(struct slots *slots)
{
    if (!slots)
        return;
    for (size_t i = 0; i < slots->count; i++)
        entry_free(slots->entries[i]);
    free(slots->entries);
    map_free(&slots->by_id);
    map_free(&slots->taken);
    free(slots);
}

static bool lives(const struct process *process)
{
    return process->state == PROCESS_WATCHING || process->state == PROCESS_LOST;
}

static const char *label_of(const struct process *process)
{
    return process->unit ? process->unit : process->name;
}

/* Labels may be long and hold anything: the key is bytes. */
static int taken_key(const struct slot *slot, char **key, size_t *len)
{
    int n = asprintf(key, "%u %s", slot->worker, slot->label);

    if (n < 0) {
        *key = NULL;
        return -ENOMEM;
    }
    *len = (size_t)n;
    return 0;
}

/* Within one update no number becomes free: *next has, by label, the first that may be. Else
 * thousands of one unit, which come back together, would each count from 0. */
static int take_lowest(struct slots *slots, struct entry *entry, struct map **next)
{
    entry->slot.worker = (uint32_t)(uintptr_t)map_get_str(*next, entry->slot.label);
    for (;; entry->slot.worker++) {
        char *key = NULL;
        size_t len;
        int rc = taken_key(&entry->slot, &key, &len);
        bool is_free = rc == 0 && !map_get(slots->taken, key, len);

        if (is_free)
            rc = map_put(&slots->taken, key, len, entry);
        free(key);
        if (rc == 0 && is_free)
            map_put_str(next, entry->slot.label, (void *)((uintptr_t)entry->slot.worker + 1));
        if (rc < 0 || is_free)
            return rc;
    }
}

static void release(struct slots *slots, struct entry *entry)
{
    char *key;
    size_t len;

    map_take_str(&slots->by_id, entry->id);
    if (taken_key(&entry->slot, &key, &len) == 0) {
        map_take(&slots->taken, key, len);
        free(key);
    }
    entry_free(entry);
}

static int grow(struct slots *slots)
{
    size_t cap = slots->cap ? slots->cap * 2 : 64;
    struct entry **entries;

    if (slots->count < slots->cap)
        return 0;
    entries = realloc(slots->entries, cap * sizeof(struct entry *));
    if (!entries)
        return -ENOMEM;
    slots->entries = entries;
    slots->cap = cap;
    return 0;
}

static int add(struct slots *slots, const struct process *process, struct map **next)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    int rc = -ENOMEM;

    if (!entry)
        return rc;
    if (grow(slots) < 0)
        goto free_entry;
    entry->slot.process = process;
    entry->seen = slots->round;
    snprintf(entry->id, sizeof(entry->id), "%s", process->id);
    entry->raw_label = strdup(label_of(process));
    entry->slot.label = exposition_clean(label_of(process));
    if (!entry->raw_label || !entry->slot.label)
        goto free_entry;
    rc = take_lowest(slots, entry, next);
    if (rc < 0)
        goto free_entry;
    rc = map_put_str(&slots->by_id, entry->id, entry);
    if (rc < 0) {
        release(slots, entry);
        return rc;
    }
    slots->entries[slots->count++] = entry;
    return 0;

free_entry:
    entry_free(entry);
    return rc;
}

/* A unit may become known after the first frames: then the process moves. */
static bool still_fits(const struct entry *entry, const struct process *process)
{
    return strcmp(entry->raw_label, label_of(process)) == 0;
}

static void sweep(struct slots *slots)
{
    size_t kept = 0;

    for (size_t i = 0; i < slots->count; i++) {
        if (slots->entries[i]->seen == slots->round)
            slots->entries[kept++] = slots->entries[i];
        else
            release(slots, slots->entries[i]);
    }
    slots->count = kept;
}

static void mark(struct slots *slots, const struct store *store)
{
    slots->round++;
    for (size_t i = 0; i < query_process_count(store); i++) {
        const struct process *process = query_process_at(store, i);
        struct entry *entry = map_get_str(slots->by_id, process->id);

        if (entry && lives(process) && still_fits(entry, process)) {
            entry->slot.process = process;
            entry->seen = slots->round;
        }
    }
}

int slots_update(struct slots *slots, const struct store *store)
{
    struct map *next = NULL;
    int rc = 0;

    /* Those that ended go first, so that who replaces them gets their number. */
    mark(slots, store);
    sweep(slots);
    for (size_t i = 0; i < query_process_count(store) && rc == 0; i++) {
        const struct process *process = query_process_at(store, i);

        if (lives(process) && !map_get_str(slots->by_id, process->id))
            rc = add(slots, process, &next);
    }
    map_free(&next);
    return rc;
}

const struct slot *slots_at(const struct slots *slots, size_t index)
{
    return index < slots->count ? &slots->entries[index]->slot : NULL;
}
