/* SPDX-License-Identifier: MIT */
/* Marks that operators and their deploy tools set, and the release that a process runs by them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/private.h"

#define MARKS_MAX 1000u

struct operator_mark *store_operator_mark(struct store *store, const char *id)
{
    for (size_t i = 0; i < store->mark_count; i++) {
        if (strcmp(store->marks[i]->id, id) == 0)
            return store->marks[i];
    }
    return NULL;
}

/* Time and a number behind it: two marks of one millisecond have two ids. */
static void write_id(struct store *store, struct operator_mark *mark)
{
    unsigned number = 0;

    do
        snprintf(mark->id, sizeof(mark->id), "%llx-%u", (unsigned long long)mark->at_wall_ms,
                 ++number);
    while (store_operator_mark(store, mark->id));
}

static int make_room(struct store *store)
{
    struct operator_mark **marks;

    if (store->mark_count == MARKS_MAX) {
        free(store->marks[0]);
        store->mark_count--;
        memmove(&store->marks[0], &store->marks[1], store->mark_count * sizeof(*store->marks));
        return 0;
    }
    marks = realloc(store->marks, (store->mark_count + 1) * sizeof(struct operator_mark *));
    if (!marks)
        return -ENOMEM;
    store->marks = marks;
    return 0;
}

int store_put_operator_mark(struct store *store, const struct operator_mark *mark,
                            struct operator_mark **out)
{
    struct operator_mark *copy;
    size_t at;
    int rc;

    if (mark->id[0] && store_operator_mark(store, mark->id))
        return -EEXIST;
    copy = malloc(sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    rc = make_room(store);
    if (rc < 0) {
        free(copy);
        return rc;
    }
    *copy = *mark;
    if (!copy->id[0])
        write_id(store, copy);
    for (at = store->mark_count++; at > 0; at--) {
        if (store->marks[at - 1]->at_wall_ms <= copy->at_wall_ms)
            break;
        store->marks[at] = store->marks[at - 1];
    }
    store->marks[at] = copy;
    *out = copy;
    return 0;
}

size_t query_operator_mark_count(const struct store *store)
{
    return store->mark_count;
}

const struct operator_mark *query_operator_mark_at(const struct store *store, size_t index)
{
    return index < store->mark_count ? store->marks[store->mark_count - 1 - index] : NULL;
}

static bool speaks_of(const struct operator_mark *mark, const struct process *process)
{
    if (mark->process_id[0])
        return strcmp(mark->process_id, process->id) == 0;
    if (mark->unit[0])
        return process->unit && strcmp(mark->unit, process->unit) == 0;
    return true;
}

const struct operator_mark *query_release_mark(const struct store *store,
                                               const struct process *process)
{
    for (size_t i = store->mark_count; i-- > 0;) {
        if (store->marks[i]->is_release && speaks_of(store->marks[i], process))
            return store->marks[i];
    }
    return NULL;
}

void query_build_id(const struct process *process, char *out, size_t size)
{
    const struct entry *entry = entry_of(process);
    size_t len = 0;

    snprintf(out, size, "%s", "");
    for (size_t i = 0; i < entry->module_count; i++) {
        const struct module *module = &entry->modules[i].module;

        if (!module->path || strcmp(module->path, process->exe) != 0)
            continue;
        for (size_t j = 0; j < module->build_id_len && len + 3 <= size; j++, len += 2)
            snprintf(out + len, size - len, "%02x", module->build_id[j]);
        return;
    }
}
