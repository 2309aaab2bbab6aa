/* SPDX-License-Identifier: MIT */
/* What programs tell of themselves: the last few words of each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/private.h"

#define X(name, text) [WIRE_MARK_##name] = text,
const char *mark_kind_name(unsigned kind)
{
    static const char *const names[] = {MARK_KINDS(X)};

    return names[kind < sizeof(names) / sizeof(names[0]) ? kind : WIRE_MARK_EVENT];
}
#undef X

static void copy_text(char out[WIRE_MARK_BYTES_MAX + 1], struct wire_str text)
{
    size_t len = text.len < WIRE_MARK_BYTES_MAX ? text.len : WIRE_MARK_BYTES_MAX;

    if (len > 0)
        memcpy(out, text.data, len);
    out[len] = '\0';
}

static bool is_known(const struct process_marks *marks, const struct process_mark *mark)
{
    for (size_t i = 0; i < marks->count; i++) {
        const struct process_mark *known = &marks->list[i];

        if (known->told_ms == mark->told_ms && known->kind == mark->kind &&
            strcmp(known->text, mark->text) == 0)
            return true;
    }
    return false;
}

static void append(struct process_marks *marks, const struct process_mark *mark)
{
    if (marks->count == PROCESS_MARKS_MAX) {
        marks->count--;
        memmove(&marks->list[0], &marks->list[1], marks->count * sizeof(marks->list[0]));
    }
    marks->list[marks->count++] = *mark;
    if (mark->kind == WIRE_MARK_RELEASE)
        memcpy(marks->release, mark->text, sizeof(marks->release));
}

int store_put_mark(struct store *store, struct process *process, const struct wire_mark *mark,
                   uint64_t now_wall_ms)
{
    struct process_mark taken = {
        .kind = mark->kind,
        .told_ms = mark->time_ms,
        .at_wall_ms = now_wall_ms > mark->age_ms ? now_wall_ms - mark->age_ms : 0,
    };

    (void)store;
    copy_text(taken.text, mark->text);
    if (!process->marks)
        process->marks = calloc(1, sizeof(*process->marks));
    if (!process->marks)
        return -ENOMEM;
    if (!is_known(process->marks, &taken)) {
        append(process->marks, &taken);
        store_touch(process);
    }
    return 0;
}
