/* SPDX-License-Identifier: MIT */
#include "daemon/http/flame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODES_FIRST 256u

int flame_init(struct flame *flame)
{
    memset(flame, 0, sizeof(*flame));
    flame->nodes = calloc(NODES_FIRST, sizeof(*flame->nodes));
    if (!flame->nodes)
        return -ENOMEM;
    flame->cap = NODES_FIRST;
    flame->count = 1;
    return 0;
}

void flame_done(struct flame *flame)
{
    free(flame->nodes);
    memset(flame, 0, sizeof(*flame));
}

/* Texts are interned, so that equal ones mostly are one. */
static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* An address without a name is its own function. */
static bool same_frame(const struct frame *a, const struct frame *b)
{
    return a->kind == b->kind && a->line == b->line && same_text(a->function, b->function) &&
           same_text(a->file, b->file) && same_text(a->module, b->module) &&
           (a->function || a->offset == b->offset);
}

static uint32_t find_child(const struct flame *flame, uint32_t parent, const struct frame *frame)
{
    uint32_t child = flame->nodes[parent].first_child;

    while (child && !same_frame(&flame->nodes[child].frame, frame))
        child = flame->nodes[child].next;
    return child;
}

/* 0: full, or no memory. */
static uint32_t add_child(struct flame *flame, uint32_t parent, const struct frame *frame)
{
    uint32_t cap = flame->cap * 2;
    struct flame_node *nodes;

    if (flame->count == FLAME_NODES_MAX) {
        flame->is_cut = true;
        return 0;
    }
    if (flame->count == flame->cap) {
        nodes = realloc(flame->nodes, cap * sizeof(*nodes));
        if (!nodes)
            return 0;
        flame->nodes = nodes;
        flame->cap = cap;
    }
    flame->nodes[flame->count] =
        (struct flame_node){.frame = *frame, .next = flame->nodes[parent].first_child};
    flame->nodes[parent].first_child = flame->count;
    return flame->count++;
}

int flame_add(struct flame *flame, const struct frame *frames, size_t count, double value,
              double before)
{
    uint32_t node = 0, child;
    int rc = 0;

    flame->nodes[0].value += value;
    flame->nodes[0].before += before;
    for (size_t i = count; i-- > 0;) {
        child = find_child(flame, node, &frames[i]);
        if (!child)
            child = add_child(flame, node, &frames[i]);
        if (!child) {
            rc = flame->is_cut ? 0 : -ENOMEM;
            break;
        }
        node = child;
        flame->nodes[node].value += value;
        flame->nodes[node].before += before;
    }
    flame->nodes[node].self += value;
    flame->nodes[node].self_before += before;
    return rc;
}

static double weight(const struct flame_node *node)
{
    return node->value > node->before ? node->value : node->before;
}

struct child {
    double weight;
    uint32_t index;
};

static int heavier_first(const void *a, const void *b)
{
    const struct child *x = a, *y = b;

    if (x->weight != y->weight)
        return x->weight < y->weight ? 1 : -1;
    return x->index < y->index ? -1 : 1;
}

static void sort_children(struct flame *flame, uint32_t parent, struct child *scratch)
{
    size_t count = 0;
    uint32_t next = 0;

    for (uint32_t i = flame->nodes[parent].first_child; i; i = flame->nodes[i].next)
        scratch[count++] = (struct child){weight(&flame->nodes[i]), i};
    qsort(scratch, count, sizeof(*scratch), heavier_first);
    while (count-- > 0) {
        flame->nodes[scratch[count].index].next = next;
        next = scratch[count].index;
    }
    flame->nodes[parent].first_child = next;
}

void flame_sort(struct flame *flame)
{
    struct child *scratch = calloc(flame->count, sizeof(*scratch));

    if (!scratch) /* unsorted is right, too */
        return;
    for (uint32_t i = 0; i < flame->count; i++)
        sort_children(flame, i, scratch);
    free(scratch);
}
