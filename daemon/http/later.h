/* SPDX-License-Identifier: MIT */
/*
 * What a handler asked of somebody slow, a disk in a worker: the request waits, and its handler is
 * called again when the answer is there. Whoever was asked finishes it, on the loop; the server
 * waits for it or leaves it. It is freed when both have let it go.
 */
#ifndef LEAKD_HTTP_LATER_H
#define LEAKD_HTTP_LATER_H

#include <stdbool.h>

struct later;

/* free_data gets what it was finished with. NULL: no memory. */
struct later *later_new(void (*free_data)(void *data));
/* Exactly once. take may be NULL: there is no answer. */
void later_finish(struct later *later, void *take);
/* NULL while it is not finished, or without an answer. */
const void *later_data(const struct later *later);

/* The server's. False: it is finished already. */
bool later_wait(struct later *later, void (*on_finished)(void *arg), void *arg);
void later_leave(struct later *later); /* NULL is let go, too */
void later_drop(struct later *later);  /* nobody has taken it; NULL, too */

#endif
