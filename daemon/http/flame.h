/* SPDX-License-Identifier: MIT */
/*
 * Stacks merged into a tree from the root: frames with the same function, file, line and module
 * below the same parent are one node. Each node has two figures (bytes now and before, say); what
 * they mean is the caller's. Frames are borrowed: a tree lives no longer than the call it is made
 * in.
 */
#ifndef LEAKD_HTTP_FLAME_H
#define LEAKD_HTTP_FLAME_H

#include "daemon/store/query.h"

/* A page draws so many in 50 ms; the frames of stacks that come behind count for their callers. */
#define FLAME_NODES_MAX 20000u

struct flame_node {
    struct frame frame; /* of the root: all zero */
    double value;       /* of the node and everything below it */
    double before;
    double self; /* of stacks that end here */
    double self_before;
    uint32_t first_child; /* 0: none; the root is no child */
    uint32_t next;        /* the next child of the same parent, 0: none */
};

struct flame {
    struct flame_node *nodes; /* [0] is the root */
    uint32_t count;
    uint32_t cap;
    bool is_cut; /* FLAME_NODES_MAX was reached */
};

int flame_init(struct flame *flame); /* -ENOMEM */
void flame_done(struct flame *flame);
/* frames: leaf first, as query_frames gives them. -ENOMEM: the stack is not in the tree. */
int flame_add(struct flame *flame, const struct frame *frames, size_t count, double value,
              double before);
/* Children by the larger of their two figures, the largest first. */
void flame_sort(struct flame *flame);

#endif
