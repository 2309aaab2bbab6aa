/* SPDX-License-Identifier: MIT */
/* Names for the frames of sites: asked for, answered, and the fingerprint once all are there. */
#include <string.h>

#include "daemon/store/private.h"

/* Sites looked at in one settling: 1000 processes must not make a tick long. */
#define SETTLE_SITES_MAX 4096u
#define FRAMES_MAX       128u

/* True when nothing more will be known about the frame; asks when nobody has asked. */
static bool frame_settled(struct store *store, struct entry *entry,
                          const struct wire_stack_frame *frame)
{
    const struct process_module *module;
    const struct address *address;

    if (frame->kind == WIRE_FRAME_PYTHON)
        return *query_name(&entry->process, frame->function_id) != '\0' &&
               *query_name(&entry->process, frame->file_id) != '\0';
    if (frame->module_id == WIRE_MODULE_UNKNOWN)
        return true;
    module = entry_find_module(entry, frame->module_id);
    if (!module)
        return false;
    address = address_find(store->addresses, module->image, frame->offset);
    if (address)
        return address->answered;
    if (entry->address_count >= PROCESS_ADDRESSES_MAX)
        return true;
    entry->address_count++;
    return !address_add(store->addresses, module->image, frame->offset);
}

void site_settle(struct store *store, struct entry *entry, struct site *site)
{
    const uint8_t *packed = site->stack;
    struct frame frames[FRAMES_MAX];
    bool settled = true;

    for (unsigned i = 0; i < site->frame_count; i++) {
        struct wire_stack_frame frame;

        packed = stack_unpack(packed, &frame);
        if (!frame_settled(store, entry, &frame))
            settled = false;
    }
    if (!settled)
        return;
    fingerprint_of(frames, query_frames(store, &entry->process, site, frames, FRAMES_MAX),
                   site->fingerprint);
    entry->unnamed_sites--;
    store_touch(&entry->process);
}

static size_t settle_entry(struct store *store, struct entry *entry)
{
    size_t looked = 0;

    for (size_t i = 0; i < entry->process.site_count && entry->unnamed_sites > 0; i++) {
        struct site *site = &entry->process.sites[i];

        if (!site->stack || site->fingerprint[0])
            continue;
        site_settle(store, entry, site);
        looked++;
    }
    return looked;
}

void store_settle(struct store *store)
{
    size_t looked = 0;

    if (store->settle_at == 0) {
        if (store->settled_revision == store->names_revision)
            return;
        store->settled_revision = store->names_revision;
    }
    while (store->settle_at < store->count && looked < SETTLE_SITES_MAX)
        looked += settle_entry(store, store->entries[store->settle_at++]);
    if (store->settle_at >= store->count)
        store->settle_at = 0;
}

size_t store_take_unresolved(struct store *store, struct store_address *out, size_t max)
{
    return addresses_take_waiting(store->addresses, out, max);
}

int store_put_symbol(struct store *store, uint64_t key, const struct store_symbol_frame *frames,
                     size_t count)
{
    int rc = addresses_answer(store->addresses, key, frames, count);

    if (rc != 0)
        return rc;
    store->names_revision++;
    return 0;
}
