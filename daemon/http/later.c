/* SPDX-License-Identifier: MIT */
#include "daemon/http/later.h"

#include <stdlib.h>

struct later {
    void (*free_data)(void *data);
    void (*on_finished)(void *arg);
    void *arg;
    void *data;
    bool is_finished;
    bool is_left;
};

struct later *later_new(void (*free_data)(void *data))
{
    struct later *later = calloc(1, sizeof(*later));

    if (later)
        later->free_data = free_data;
    return later;
}

static void let_go(struct later *later)
{
    if (!later->is_finished || !later->is_left)
        return;
    if (later->data)
        later->free_data(later->data);
    free(later);
}

void later_finish(struct later *later, void *take)
{
    later->data = take;
    later->is_finished = true;
    if (later->on_finished)
        later->on_finished(later->arg);
    let_go(later);
}

const void *later_data(const struct later *later)
{
    return later->data;
}

bool later_wait(struct later *later, void (*on_finished)(void *arg), void *arg)
{
    if (later->is_finished)
        return false;
    later->on_finished = on_finished;
    later->arg = arg;
    return true;
}

void later_leave(struct later *later)
{
    if (!later)
        return;
    later->on_finished = NULL;
    later->is_left = true;
    let_go(later);
}

void later_drop(struct later *later)
{
    if (!later)
        return;
    later_finish(later, NULL);
    later_leave(later);
}
