/* SPDX-License-Identifier: MIT */
/*
 * From a symbol_request to copies of its frames, with the files last used kept open. Blocking; used
 * by one thread at a time. Knows no loop: symbolizer.c runs it in libuv's workers.
 */
#ifndef LEAKD_SYMBOL_RESOLVER_H
#define LEAKD_SYMBOL_RESOLVER_H

#include "daemon/symbol/symbol.h"

struct resolver;

struct symbol_answer {
    uint64_t key;
    size_t count;
    struct symbol_frame frames[SYMBOL_FRAMES_MAX]; /* own their strings */
};

int resolver_new(const char *debug_path, struct resolver **out);
void resolver_free(struct resolver *resolver);

/* Always fills answer; count 0: nothing is known. */
void resolver_resolve(struct resolver *resolver, const struct symbol_request *request,
                      struct symbol_answer *answer);
/* After a batch: forgets what was not found and what may change, and keeps memory in bounds. */
void resolver_rest(struct resolver *resolver);

void symbol_answer_done(struct symbol_answer *answer);

#endif
