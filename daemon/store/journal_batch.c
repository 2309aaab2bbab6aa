/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store/journal.h"

struct journal_batch {
    struct journal_row *rows; /* strings owned */
    size_t count;
    size_t cap;
};

struct journal_batch *journal_batch_new(void)
{
    return calloc(1, sizeof(struct journal_batch));
}

static void free_row(const struct journal_row *row)
{
    free((void *)(uintptr_t)row->kind);
    free((void *)(uintptr_t)row->id);
    free((void *)(uintptr_t)row->text);
}

void journal_batch_free(struct journal_batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; i < batch->count; i++)
        free_row(&batch->rows[i]);
    free(batch->rows);
    free(batch);
}

static int make_room(struct journal_batch *batch)
{
    size_t cap = batch->cap ? batch->cap * 2 : 16;
    struct journal_row *rows;

    if (batch->count < batch->cap)
        return 0;
    rows = realloc(batch->rows, cap * sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    batch->rows = rows;
    batch->cap = cap;
    return 0;
}

static char *copy_bytes(const char *data, size_t len)
{
    char *copy = malloc(len + 1);

    if (!copy)
        return NULL;
    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

int journal_batch_put(struct journal_batch *batch, const struct journal_row *row)
{
    struct journal_row copy = *row;

    if (make_room(batch) < 0)
        return -ENOMEM;
    copy.kind = strdup(row->kind);
    copy.id = strdup(row->id);
    copy.len = row->is_drop ? 0 : row->len;
    copy.text = copy_bytes(row->text, copy.len);
    if (!copy.kind || !copy.id || !copy.text) {
        free_row(&copy);
        return -ENOMEM;
    }
    batch->rows[batch->count++] = copy;
    return 0;
}

size_t journal_batch_count(const struct journal_batch *batch)
{
    return batch ? batch->count : 0;
}

const struct journal_row *journal_batch_row(const struct journal_batch *batch, size_t index)
{
    return &batch->rows[index];
}
