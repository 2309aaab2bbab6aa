/* SPDX-License-Identifier: MIT */
/* What an incident keeps of a process: copies, because the process will be gone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/watch/private.h"

static char *copy_text(const char *text, int *rc)
{
    char *copy = text ? incident_copy_name(text) : NULL;

    if (text && !copy)
        *rc = -ENOMEM;
    return copy;
}

static void clear(struct incident *incident)
{
    for (size_t i = 0; i < incident->site_count; i++) {
        struct frozen_site *site = &incident->sites[i];

        for (size_t j = 0; j < site->frame_count; j++) {
            free(site->frames[j].function);
            free(site->frames[j].file);
            free(site->frames[j].module);
        }
    }
    for (size_t i = 0; i < incident->type_count; i++)
        free(incident->types[i].name);
    incident->site_count = incident->type_count = 0;
}

static void freeze_frame(const struct frame *frame, struct frozen_frame *out, int *rc)
{
    out->kind = (uint8_t)frame->kind;
    out->inlined = frame->inlined;
    out->function = copy_text(frame->function, rc);
    out->file = copy_text(frame->file, rc);
    out->module = copy_text(frame->module, rc);
    out->line = frame->line;
}

#define STACK_FRAMES_MAX 96 /* inlined ones with them */

/* The culprit must be among those that an incident has room for: then the leaf is left out. */
static size_t first_kept(const struct frame *frames, size_t count)
{
    const struct frame *culprit = query_culprit(frames, count);
    size_t at = culprit ? (size_t)(culprit - frames) : 0;

    return at >= INCIDENT_FRAMES_MAX ? at - INCIDENT_FRAMES_MAX / 2 : 0;
}

static void freeze_site(const struct store *store, const struct grown *grown,
                        struct frozen_site *out, int *rc)
{
    const struct site *site = grown->site;
    struct frame frames[STACK_FRAMES_MAX];
    size_t count, first;

    memset(out, 0, sizeof(*out));
    snprintf(out->id, sizeof(out->id), "%u", site->id);
    memcpy(out->fingerprint, site->fingerprint, sizeof(out->fingerprint));
    out->verdict = grown->verdict;
    out->growth = grown->growth;
    out->live_bytes = grown->live_bytes;
    out->live_count = grown->live_count;
    out->oldest_age_ms = site->oldest_age_ms;
    count = query_frames(store, grown->process, site, frames, STACK_FRAMES_MAX);
    first = first_kept(frames, count);
    for (size_t i = first; i < count && out->frame_count < INCIDENT_FRAMES_MAX; i++)
        freeze_frame(&frames[i], &out->frames[out->frame_count++], rc);
}

static void freeze_type(const struct grown *grown, struct frozen_type *out, int *rc)
{
    out->name = copy_text(query_name(grown->process, grown->type->name_id), rc);
    out->growth = grown->growth;
    out->live_bytes = grown->live_bytes;
    out->live_count = grown->live_count;
}

static void freeze_blame(const struct store *store, const struct process *process,
                         struct incident_blame *out)
{
    struct blame blame;

    attribute_blame(store, process, &blame);
    if (!blame.known)
        return;
    memset(out, 0, sizeof(*out));
    out->share = blame.share;
    words_frame(&blame.culprit, out->place, sizeof(out->place));
    snprintf(out->type, sizeof(out->type), "%s", blame.type_name ? blame.type_name : "");
}

int evidence_freeze(const struct store *store, const struct process *process,
                    struct incident *incident)
{
    struct grown sites[INCIDENT_SITES_MAX], types[INCIDENT_TYPES_MAX];
    int rc = 0;

    clear(incident);
    incident->site_count = grown_sites(store, process, sites, INCIDENT_SITES_MAX);
    for (size_t i = 0; i < incident->site_count; i++)
        freeze_site(store, &sites[i], &incident->sites[i], &rc);
    incident->type_count = grown_types(store, process, types, INCIDENT_TYPES_MAX);
    for (size_t i = 0; i < incident->type_count; i++)
        freeze_type(&types[i], &incident->types[i], &rc);
    freeze_blame(store, process, &incident->blame);
    incident->since_wall_ms = process->growth_since_wall_ms;
    words_incident(incident, process->summary);
    return rc;
}

static struct frame thaw(const struct frozen_frame *frozen)
{
    return (struct frame){.kind = (enum wire_frame_kind)frozen->kind,
                          .inlined = frozen->inlined,
                          .function = frozen->function,
                          .file = frozen->file,
                          .line = frozen->line,
                          .module = frozen->module};
}

/* The culprit must be among the frames that the notice has room for: it begins late enough. */
static void notice_site(const struct frozen_site *site, struct notice_site *out)
{
    struct frame frames[INCIDENT_FRAMES_MAX];
    const struct frame *culprit;
    size_t first = 0, at;

    for (size_t i = 0; i < site->frame_count; i++)
        frames[i] = thaw(&site->frames[i]);
    culprit = query_culprit(frames, site->frame_count);
    at = culprit ? (size_t)(culprit - frames) : 0;
    if (at >= NOTICE_FRAMES_MAX)
        first = at - NOTICE_FRAMES_MAX / 2;
    out->growth = site->growth;
    out->live_bytes = site->live_bytes;
    out->culprit = at - first;
    for (size_t i = first; i < site->frame_count && out->frame_count < NOTICE_FRAMES_MAX; i++) {
        struct notice_frame *frame = &out->frames[out->frame_count++];

        frame->function = frames[i].function;
        frame->file = frames[i].file;
        frame->module = frames[i].module;
        frame->line = frames[i].line;
        frame->python = frames[i].kind == WIRE_FRAME_PYTHON;
    }
}

static enum conf_severity severity_of(const struct incident *incident)
{
    return strcmp(incident->severity, "critical") == 0 ? SEVERITY_CRITICAL : SEVERITY_WARNING;
}

void evidence_notice(const struct incident *incident, enum notice_event event, uint64_t wall_ms,
                     struct notice *out)
{
    memset(out, 0, sizeof(*out));
    out->event = event;
    out->severity = severity_of(incident);
    out->event_wall_ms = wall_ms;
    out->incident_id = incident->id;
    out->fingerprint = incident->fingerprint;
    out->state = incident_state_name(incident->state);
    out->verdict = verdict_name(incident->verdict);
    out->summary = incident->summary;
    out->opened_wall_ms = incident->opened_wall_ms;
    out->process_id = incident->process_id;
    out->process_name = incident->process_name;
    out->unit = incident->unit;
    out->exe = incident->exe;
    out->pid = (int)incident->pid;
    out->process_count = incident->process_count;
    out->live_bytes = incident->live_bytes;
    out->rss_bytes = incident->rss_bytes;
    out->growth = incident->growth;
    out->time_to_limit = incident->time_to_limit;
    for (size_t i = 0; i < incident->site_count && i < NOTICE_SITES_MAX; i++)
        notice_site(&incident->sites[out->site_count++], &out->sites[i]);
    for (size_t i = 0; i < incident->type_count && i < NOTICE_TYPES_MAX; i++) {
        const struct frozen_type *type = &incident->types[out->type_count++];

        out->types[i] = (struct notice_type){type->name ? type->name : "", type->growth,
                                             type->live_bytes, type->live_count};
    }
}
