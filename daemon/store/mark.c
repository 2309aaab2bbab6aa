/* SPDX-License-Identifier: MIT */
/* What programs tell of themselves: the last few words of each. */
#include <errno.h>
#include <stdbool.h>
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

static struct process_label *find_label(struct process_marks *marks, const char *key)
{
    for (size_t i = 0; i < marks->label_count; i++) {
        if (strcmp(marks->labels[i].text, key) == 0)
            return &marks->labels[i];
    }
    return NULL;
}

static void drop_label(struct process_marks *marks, struct process_label *label)
{
    size_t behind = (size_t)(&marks->labels[marks->label_count] - (label + 1));

    memmove(label, label + 1, behind * sizeof(*label));
    marks->label_count--;
}

/* True when something changed. */
static bool put_label(struct process_marks *marks, const char *text)
{
    struct process_label made = {.key_len = strcspn(text, "=")}, *known;
    const char *value = text + made.key_len + 1;

    if (made.key_len == 0 || text[made.key_len] != '=')
        return false;
    memcpy(made.text, text, strlen(text) + 1);
    made.text[made.key_len] = '\0';
    known = find_label(marks, made.text);
    if (known && strcmp(known->text + known->key_len + 1, value) == 0)
        return false;
    if (known)
        drop_label(marks, known);
    if (!value[0] || marks->label_count == PROCESS_LABELS_MAX)
        return known != NULL;
    marks->labels[marks->label_count++] = made;
    return true;
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
    if (mark->kind == WIRE_MARK_LABEL) {
        if (put_label(process->marks, taken.text))
            store_touch(process);
    } else if (!is_known(process->marks, &taken)) {
        append(process->marks, &taken);
        store_touch(process);
    }
    return 0;
}
