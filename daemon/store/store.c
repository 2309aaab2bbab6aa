/* SPDX-License-Identifier: MIT */
/* The store itself and the processes in it: found, made, ended, forgotten. */
#include "daemon/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/map.h"
#include "daemon/store/private.h"

struct identity_key {
    uint64_t start_ticks;
    uint64_t instance;
    int64_t pid;
    uint64_t uid; /* only where the pid is unknown, else 0 */
};

struct start_key {
    uint64_t start_ticks;
    int64_t pid;
};

#define X(name, text) text,
const char *growth_in_name(enum growth_in in)
{
    static const char *const names[] = {GROWTHS_IN(X)};

    return names[in];
}

const char *process_state_name(enum process_state state)
{
    static const char *const names[] = {PROCESS_STATES(X)};

    return names[state];
}
#undef X

static struct identity_key identity_key(const struct process_identity *identity)
{
    struct identity_key key = {
        .start_ticks = identity->start_ticks,
        .instance = identity->instance,
        .pid = identity->pid,
        .uid = identity->pid == 0 ? identity->uid : 0,
    };

    return key;
}

static struct start_key start_key(const struct process_identity *identity)
{
    struct start_key key = {.start_ticks = identity->start_ticks, .pid = identity->pid};

    return key;
}

int store_new(const struct store_limits *limits, struct store **out)
{
    struct store *store = calloc(1, sizeof(*store));

    if (!store)
        return -ENOMEM;
    store->limits = *limits;
    store->texts = intern_new();
    store->stacks = intern_new();
    store->addresses = store->texts ? addresses_new(store->texts) : NULL;
    if (!store->addresses || !store->stacks) {
        store_free(store);
        return -ENOMEM;
    }
    *out = store;
    return 0;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->count; i++)
        entry_free(store, store->entries[i]);
    for (size_t i = 0; i < store->incident_count; i++)
        incident_free(store->incidents[i]);
    for (size_t i = 0; i < store->mark_count; i++)
        free(store->marks[i]);
    free(store->entries);
    free(store->incidents);
    free(store->marks);
    map_free(&store->by_id);
    map_free(&store->by_identity);
    map_free(&store->by_start);
    addresses_free(store->addresses);
    intern_free(store->texts);
    intern_free(store->stacks);
    free(store);
}

static void free_sites(struct store *store, struct entry *entry)
{
    struct process *process = &entry->process;

    for (size_t i = 0; i < process->site_count; i++) {
        intern_drop(store->stacks, process->sites[i].stack);
        free(process->sites[i].recent);
    }
    for (size_t i = 0; i < process->type_count; i++)
        free(process->types[i].recent);
    store->site_count -= process->site_count;
    store->type_count -= process->type_count;
    free(process->sites);
    free(process->types);
    free(entry->site_slots);
}

void entry_free(struct store *store, struct entry *entry)
{
    struct process *process = &entry->process;

    free_sites(store, entry);
    for (size_t i = 0; i < entry->module_count; i++) {
        image_drop(store->addresses, entry->modules[i].image);
        free(entry->modules[i].module.path);
    }
    free(entry->modules);
    for (size_t i = 0; i < entry->name_cap; i++)
        intern_drop(store->texts, entry->names[i]);
    free(entry->names);
    snapshots_free(process);
    series_free(process->live_series);
    series_free(process->rss_series);
    series_free(process->python_series);
    shots_free(entry->shots);
    free(process->heap);
    free(process->marks);
    free(process->name);
    free(process->unit);
    free(process->exe);
    free(process->argv0);
    free(process->runtime);
    free(process->reason);
    free(process->agent_version);
    free(entry);
}

static void unlist(struct store *store, struct entry *entry)
{
    struct identity_key identity = identity_key(&entry->process.identity);
    struct start_key start = start_key(&entry->process.identity);

    map_take_str(&store->by_id, entry->process.id);
    if (map_get(store->by_identity, &identity, sizeof(identity)) == entry)
        map_take(&store->by_identity, &identity, sizeof(identity));
    if (map_get(store->by_start, &start, sizeof(start)) == entry)
        map_take(&store->by_start, &start, sizeof(start));
}

static void remove_at(struct store *store, size_t index)
{
    struct entry *entry = store->entries[index];

    unlist(store, entry);
    store->count--;
    memmove(&store->entries[index], &store->entries[index + 1],
            (store->count - index) * sizeof(*store->entries));
    entry_free(store, entry);
}

static bool has_ended(const struct process *process)
{
    return process->ended_mono_ms != 0;
}

/* Since when nothing is heard of it: its end, or for a lost one the last frame. 0: it is there. */
static uint64_t gone_since_ms(const struct process *process)
{
    if (process->state == PROCESS_LOST)
        return process->last_frame_mono_ms;
    return process->ended_mono_ms;
}

/* Makes room by the process that is gone longest. False when all are there. */
static bool drop_longest_gone(struct store *store)
{
    size_t oldest = store->count;
    uint64_t oldest_ms = UINT64_MAX;

    for (size_t i = 0; i < store->count; i++) {
        uint64_t since_ms = gone_since_ms(&store->entries[i]->process);

        if (since_ms != 0 && since_ms < oldest_ms) {
            oldest = i;
            oldest_ms = since_ms;
        }
    }
    if (oldest == store->count)
        return false;
    remove_at(store, oldest);
    return true;
}

static int make_room(struct store *store)
{
    struct entry **entries;
    size_t cap;

    if (store->count >= store->limits.processes_max && !drop_longest_gone(store))
        return -ENOSPC;
    if (store->count < store->cap)
        return 0;
    cap = store->cap ? store->cap * 2 : 64;
    entries = realloc(store->entries, cap * sizeof(struct entry *));
    if (!entries)
        return -ENOMEM;
    store->entries = entries;
    store->cap = cap;
    return 0;
}

/* Replaces *text by a copy of str; the old one stays when there is no memory. */
static bool set_text(char **text, const char *data, size_t len)
{
    char *copy;

    if (*text && strlen(*text) == len && memcmp(*text, data, len) == 0)
        return true;
    copy = strndup(data, len);
    if (!copy)
        return false;
    free(*text);
    *text = copy;
    return true;
}

static bool set_str(char **text, struct wire_str str)
{
    return set_text(text, str.len > 0 ? str.data : "", str.len);
}

static bool set_name(struct process *process, const struct wire_hello *hello)
{
    const char *slash;

    if (hello->name.len > 0)
        return set_str(&process->name, hello->name);
    if (hello->exe.len > 0) {
        slash = memrchr(hello->exe.data, '/', hello->exe.len);
        if (slash)
            return set_text(&process->name, slash + 1,
                            hello->exe.len - (size_t)(slash + 1 - hello->exe.data));
        return set_str(&process->name, hello->exe);
    }
    return set_str(&process->name, hello->argv0);
}

static int describe(struct process *process, const struct wire_hello *hello)
{
    bool done = set_name(process, hello) && set_str(&process->exe, hello->exe) &&
                set_str(&process->argv0, hello->argv0) &&
                set_str(&process->runtime, hello->runtime) &&
                set_str(&process->reason, hello->reason) &&
                set_str(&process->agent_version, hello->agent_version);

    process->parent_pid = (pid_t)hello->parent_pid;
    process->capabilities = hello->capabilities;
    process->sample_period_bytes = hello->sample_period_bytes;
    return done ? 0 : -ENOMEM;
}

static void write_id(struct store *store, struct entry *entry)
{
    const struct process_identity *identity = &entry->process.identity;
    char *id = entry->process.id;
    char base[32];

    if (identity->pid == 0)
        snprintf(base, sizeof(base), "0-%llx", (unsigned long long)identity->instance);
    else
        snprintf(base, sizeof(base), "%d-%llu", (int)identity->pid,
                 (unsigned long long)identity->start_ticks);
    for (;; entry->program++) {
        if (entry->program == 1)
            snprintf(id, sizeof(entry->process.id), "%s", base);
        else
            snprintf(id, sizeof(entry->process.id), "%s-%u", base, entry->program);
        if (!map_get_str(store->by_id, id))
            return;
    }
}

static int list_entry(struct store *store, struct entry *entry)
{
    struct identity_key identity = identity_key(&entry->process.identity);
    struct start_key start = start_key(&entry->process.identity);
    int rc;

    rc = map_put_str(&store->by_id, entry->process.id, entry);
    if (rc == 0)
        rc = map_put(&store->by_identity, &identity, sizeof(identity), entry);
    if (rc == 0 && identity.pid != 0)
        rc = map_put(&store->by_start, &start, sizeof(start), entry);
    if (rc < 0) {
        unlist(store, entry);
        return rc;
    }
    store->entries[store->count++] = entry;
    return 0;
}

static void start_detecting(struct process *process, const struct detect_profile *profile)
{
    process->profile = profile;
    load_init(&process->live_detector, profile, DETECT_STEP_MS);
    detector_init(&process->rss_detector, profile, DETECT_STEP_MS, 1);
    if (process->heap)
        detector_init(&process->heap->detector, profile, DETECT_STEP_MS, 1);
}

static int entry_new(struct store *store, const struct process_identity *identity,
                     const struct wire_hello *hello, struct entry **out)
{
    struct start_key start = start_key(identity);
    struct entry *before = map_get(store->by_start, &start, sizeof(start));
    struct entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return -ENOMEM;
    entry->process.identity = *identity;
    entry->process.live_series = series_new();
    entry->process.rss_series = series_new();
    entry->process.limit_source = "";
    entry->process.end_status = -1;
    entry->program = before ? before->program + 1 : 1;
    write_id(store, entry);
    if (!entry->process.live_series || !entry->process.rss_series ||
        describe(&entry->process, hello) < 0) {
        entry_free(store, entry);
        return -ENOMEM;
    }
    *out = entry;
    return 0;
}

/* The program that ran under this pid until exec is no more. */
static void end_program_before(struct store *store, const struct process_identity *identity,
                               uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    struct start_key start = start_key(identity);
    struct entry *before = map_get(store->by_start, &start, sizeof(start));

    if (before && !has_ended(&before->process))
        store_set_state(store, &before->process, PROCESS_EXITED, now_mono_ms, now_wall_ms);
}

static int add_process(struct store *store, const struct process_identity *identity,
                       const struct wire_hello *hello, uint64_t now_mono_ms, uint64_t now_wall_ms,
                       struct entry **out)
{
    struct entry *entry;
    int rc;

    end_program_before(store, identity, now_mono_ms, now_wall_ms);
    rc = make_room(store);
    if (rc < 0)
        return rc;
    rc = entry_new(store, identity, hello, &entry);
    if (rc < 0)
        return rc;
    entry->process.started_wall_ms = now_wall_ms;
    entry->process.first_seen_mono_ms = now_mono_ms;
    rc = list_entry(store, entry);
    if (rc < 0) {
        entry_free(store, entry);
        return rc;
    }
    *out = entry;
    return 0;
}

/* It has spoken at last: the entry that stood for it is its own. NULL: there was none. */
static struct entry *claim_silent(struct store *store, const struct process_identity *identity,
                                  const struct wire_hello *hello)
{
    struct start_key start = start_key(identity);
    struct entry *entry = map_get(store->by_start, &start, sizeof(start));
    struct identity_key before, now = identity_key(identity);

    if (!entry || !entry->process.is_silent || has_ended(&entry->process) ||
        strlen(entry->process.exe) != hello->exe.len ||
        memcmp(entry->process.exe, hello->exe.data, hello->exe.len) != 0)
        return NULL;
    before = identity_key(&entry->process.identity);
    if (map_put(&store->by_identity, &now, sizeof(now), entry) < 0)
        return NULL;
    map_take(&store->by_identity, &before, sizeof(before));
    entry->process.identity = *identity;
    entry->process.is_silent = false;
    return entry;
}

int store_hello(struct store *store, const struct process_identity *identity,
                const struct wire_hello *hello, const struct detect_profile *profile,
                uint64_t now_mono_ms, uint64_t now_wall_ms, struct process **out)
{
    struct identity_key key = identity_key(identity);
    struct entry *entry = map_get(store->by_identity, &key, sizeof(key));
    int rc;

    if (!entry)
        entry = claim_silent(store, identity, hello);
    if (!entry) {
        rc = add_process(store, identity, hello, now_mono_ms, now_wall_ms, &entry);
        if (rc < 0)
            return rc;
        start_detecting(&entry->process, profile);
    } else {
        rc = describe(&entry->process, hello);
        if (rc < 0)
            return rc;
        if (entry->process.profile != profile)
            start_detecting(&entry->process, profile);
    }
    if (entry->process.is_slim) { /* it was only believed to have ended */
        entry->process.is_slim = false;
        entry->process.has_history = false;
    }
    entry->process.state = PROCESS_WATCHING;
    entry->process.ended_mono_ms = 0;
    entry->process.ended_wall_ms = 0;
    entry->process.last_frame_mono_ms = now_mono_ms;
    store_touch(&entry->process);
    *out = &entry->process;
    return 0;
}

static struct wire_str wire_str_of(const char *text)
{
    return (struct wire_str){text, strlen(text)};
}

int store_put_silent(struct store *store, const struct process *child, pid_t pid,
                     uint64_t start_ticks, uint64_t now_mono_ms, uint64_t now_wall_ms,
                     struct process **out)
{
    struct process_identity identity = {.pid = pid,
                                        .uid = child->identity.uid,
                                        .gid = child->identity.gid,
                                        .start_ticks = start_ticks};
    struct start_key start = start_key(&identity);
    const struct wire_hello hello = {
        .sample_period_bytes = child->sample_period_bytes,
        .exe = wire_str_of(child->exe),
        .argv0 = wire_str_of(child->argv0),
        .name = wire_str_of(child->name),
        .runtime = wire_str_of(child->runtime),
        .reason =
            wire_str_of("it has allocated too little to say anything: known by what it forked"),
        .agent_version = wire_str_of(child->agent_version),
    };
    int rc;

    if (map_get(store->by_start, &start, sizeof(start)))
        return -EEXIST;
    /* Nobody makes room for it: that might be the child, or move those that the caller walks over.
     */
    if (store->count >= store->limits.processes_max)
        return -ENOSPC;
    rc = store_hello(store, &identity, &hello, child->profile, now_mono_ms, now_wall_ms, out);
    if (rc < 0)
        return rc;
    (*out)->is_silent = true;
    if (child->unit)
        store_put_unit(store, *out, child->unit);
    return 0;
}

void store_set_state(struct store *store, struct process *process, enum process_state state,
                     uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    (void)store;
    if (process->state == state)
        return;
    process->state = state;
    if (state == PROCESS_WATCHING || state == PROCESS_LOST) {
        process->ended_mono_ms = 0;
        process->ended_wall_ms = 0;
    } else {
        process->ended_mono_ms = now_mono_ms;
        process->ended_wall_ms = now_wall_ms;
    }
    store_touch(process);
}

/* A resolved one has its own copy of all that is still asked for. */
static bool has_incident(const struct store *store, const struct process *process)
{
    for (size_t i = 0; i < store->incident_count; i++) {
        if (store->incidents[i]->state != INCIDENT_RESOLVED &&
            strcmp(store->incidents[i]->process_id, process->id) == 0)
            return true;
    }
    return false;
}

static void slim(struct entry *entry)
{
    struct process *process = &entry->process;

    process->is_slim = true;
    series_forget(process->live_series);
    series_forget(process->rss_series);
    series_free(process->python_series);
    process->python_series = NULL;
    shots_free(entry->shots);
    entry->shots = NULL;
    for (size_t i = 0; i < process->site_count; i++) {
        free(process->sites[i].recent);
        process->sites[i].recent = NULL;
    }
    for (size_t i = 0; i < process->type_count; i++) {
        free(process->types[i].recent);
        process->types[i].recent = NULL;
    }
    store_touch(process);
}

void store_slim(struct store *store, uint64_t now_mono_ms, uint64_t after_ms)
{
    for (size_t i = 0; i < store->count; i++) {
        const struct process *process = &store->entries[i]->process;

        if (!process->is_slim && has_ended(process) &&
            now_mono_ms - process->ended_mono_ms > after_ms)
            slim(store->entries[i]);
    }
}

void store_expire(struct store *store, uint64_t now_mono_ms)
{
    for (size_t i = store->count; i-- > 0;) {
        const struct process *process = &store->entries[i]->process;
        uint64_t since_ms = gone_since_ms(process);

        if (since_ms != 0 && now_mono_ms - since_ms > store->limits.exited_retention_ms &&
            !has_incident(store, process))
            remove_at(store, i);
    }
}

struct process *store_process(struct store *store, const char *id)
{
    struct entry *entry = map_get_str(store->by_id, id);

    return entry ? &entry->process : NULL;
}

struct process *store_process_at(struct store *store, size_t index)
{
    return index < store->count ? &store->entries[index]->process : NULL;
}

void store_touch(struct process *process)
{
    process->revision++;
}
