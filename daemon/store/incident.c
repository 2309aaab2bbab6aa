/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/map.h"
#include "daemon/store/private.h"

/* In memory; some 10 KB each. Ended ones leave first, oldest first. */
#define INCIDENTS_MAX 1000u

#define X(name, text) text,
const char *incident_state_name(enum incident_state state)
{
    static const char *const names[] = {INCIDENT_STATES(X)};

    return names[state];
}
#undef X

char *incident_copy_name(const char *name)
{
    size_t len = strnlen(name, INCIDENT_NAME_MAX);

    while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
        len--;
    return strndup(name, len);
}

#define X(name, text) text,
const char *member_state_name(enum member_state state)
{
    static const char *const names[] = {MEMBER_STATES(X)};

    return names[state];
}
#undef X

static void free_site(struct frozen_site *site)
{
    for (size_t i = 0; i < site->frame_count; i++) {
        free(site->frames[i].function);
        free(site->frames[i].file);
        free(site->frames[i].module);
    }
}

void incident_free(struct incident *incident)
{
    if (!incident)
        return;
    for (size_t i = 0; i < incident->site_count; i++)
        free_site(&incident->sites[i]);
    for (size_t i = 0; i < incident->type_count; i++)
        free(incident->types[i].name);
    for (size_t i = 0; i < incident->retainer_count; i++)
        retainer_clear(&incident->retainers[i]);
    free(incident->process_name);
    free(incident->unit);
    free(incident->exe);
    free(incident);
}

/* 8 characters without I, L, O and U: people read them out. The same number on two hosts at the
 * same millisecond is harmless; in one store the id is unique. */
static void write_id(struct store *store, struct incident *incident)
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t hash;

    do {
        hash = 0xcbf29ce484222325u ^ incident->opened_wall_ms;
        hash = (hash ^ ++store->incident_serial) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
        hash *= 0xbf58476d1ce4e5b9u;
        hash ^= hash >> 32;
        for (int i = 0; i < 8; i++)
            incident->id[i] = digits[hash >> (5 * i) & 31];
        incident->id[8] = '\0';
    } while (store_incident(store, incident->id));
}

/* The oldest that has ended, and has its end on the disk: else it would be open after a restart,
 * though people were told. */
static size_t first_to_leave(const struct store *store)
{
    size_t ended = store->incident_count;

    for (size_t i = 0; i < store->incident_count; i++) {
        const struct incident *incident = store->incidents[i];

        if (incident->state != INCIDENT_RESOLVED)
            continue;
        if (incident->stored_revision == incident->revision)
            return i;
        if (ended == store->incident_count)
            ended = i;
    }
    return ended < store->incident_count ? ended : 0;
}

static void drop_oldest(struct store *store)
{
    size_t at = first_to_leave(store);

    incident_free(store->incidents[at]);
    store->incident_count--;
    memmove(&store->incidents[at], &store->incidents[at + 1],
            (store->incident_count - at) * sizeof(*store->incidents));
}

static int make_room(struct store *store)
{
    size_t cap = store->incident_cap ? store->incident_cap * 2 : 16;
    struct incident **incidents;

    if (store->incident_count >= INCIDENTS_MAX)
        drop_oldest(store);
    if (store->incident_count < store->incident_cap)
        return 0;
    incidents = realloc(store->incidents, cap * sizeof(struct incident *));
    if (!incidents)
        return -ENOMEM;
    store->incidents = incidents;
    store->incident_cap = cap;
    return 0;
}

int store_open_incident(struct store *store, struct incident *take, struct incident **out)
{
    int rc;

    rc = make_room(store);
    if (rc < 0) {
        incident_free(take);
        return rc;
    }
    write_id(store, take);
    take->revision = 1;
    store->incidents[store->incident_count++] = take;
    *out = take;
    return 0;
}

int store_restore_incident(struct store *store, struct incident *take)
{
    int rc = store_incident(store, take->id) ? -EEXIST : make_room(store);
    size_t at;

    if (rc < 0) {
        incident_free(take);
        return rc;
    }
    at = store->incident_count++;
    for (; at > 0 && store->incidents[at - 1]->opened_wall_ms > take->opened_wall_ms; at--)
        store->incidents[at] = store->incidents[at - 1];
    store->incidents[at] = take;
    return 0;
}

struct incident *store_incident(struct store *store, const char *id)
{
    for (size_t i = 0; i < store->incident_count; i++) {
        if (strcmp(store->incidents[i]->id, id) == 0)
            return store->incidents[i];
    }
    return NULL;
}

void incident_list_sole(struct incident *incident, enum member_state state)
{
    struct incident_member *member = &incident->members[0];

    *member = (struct incident_member){.pid = incident->pid,
                                       .start_ticks = incident->start_ticks,
                                       .instance = incident->instance,
                                       .state = state};
    memcpy(member->process_id, incident->process_id, sizeof(member->process_id));
    memcpy(member->boot_id, incident->boot_id, sizeof(member->boot_id));
    snprintf(member->name, sizeof(member->name), "%s",
             incident->process_name ? incident->process_name : "");
    incident->member_count = 1;
    incident->process_count = 1;
}

const struct incident_member *incident_member(const struct incident *incident,
                                              const char *process_id)
{
    for (size_t i = 0; i < incident->member_count; i++) {
        if (strcmp(incident->members[i].process_id, process_id) == 0)
            return &incident->members[i];
    }
    return NULL;
}

static bool is_had_by(const struct incident *incident, const char *process_id)
{
    const struct incident_member *member = incident_member(incident, process_id);

    return strcmp(incident->process_id, process_id) == 0 ||
           (member && member->state == MEMBER_GROWING);
}

struct incident *store_find_open_incident(struct store *store, const char *process_id)
{
    for (size_t i = store->incident_count; i-- > 0;) {
        struct incident *incident = store->incidents[i];

        if (incident->state != INCIDENT_RESOLVED && is_had_by(incident, process_id))
            return incident;
    }
    return NULL;
}

uint64_t incident_dated_wall_ms(const struct incident *incident)
{
    return incident->state == INCIDENT_RESOLVED && incident->resolved_wall_ms > 0
               ? incident->resolved_wall_ms
               : incident->opened_wall_ms;
}

void store_touch_incident(struct incident *incident)
{
    incident->revision++;
}

void incident_note(struct incident *incident, const char *what, const char *by, const char *text,
                   uint64_t now_wall_ms)
{
    struct incident_note *note;

    if (incident->note_count == INCIDENT_NOTES_MAX) {
        incident->note_count--;
        memmove(&incident->notes[0], &incident->notes[1],
                incident->note_count * sizeof(incident->notes[0]));
    }
    note = &incident->notes[incident->note_count++];
    note->at_wall_ms = now_wall_ms;
    snprintf(note->what, sizeof(note->what), "%s", what);
    snprintf(note->by, sizeof(note->by), "%s", by);
    snprintf(note->text, sizeof(note->text), "%s", text);
}

/* The last incident before this that was the same leak; the chain of pasts tells of all others,
 * also of those that have left the store. */
static const struct incident *find_before(const struct store *store,
                                          const struct incident *incident)
{
    const struct incident *found = NULL;

    for (size_t i = 0; i < store->incident_count; i++) {
        const struct incident *other = store->incidents[i];

        if (other == incident || other->opened_wall_ms > incident->opened_wall_ms)
            break;
        if (strcmp(other->fingerprint, incident->fingerprint) == 0)
            found = other;
    }
    return found;
}

void store_read_past(const struct store *store, const struct incident *incident,
                     struct incident_past *out)
{
    const struct incident *before = find_before(store, incident);

    *out = (struct incident_past){0};
    if (!before)
        return;
    *out = before->past;
    if (before->past.count == 0) {
        out->first_wall_ms = before->opened_wall_ms;
        memcpy(out->first_release, before->release, sizeof(out->first_release));
    }
    out->count++;
    memcpy(out->last_id, before->id, sizeof(out->last_id));
    memcpy(out->last_release, before->release, sizeof(out->last_release));
    if (strcmp(before->release, incident->release) != 0)
        memcpy(out->again_release, incident->release, sizeof(out->again_release));
}
