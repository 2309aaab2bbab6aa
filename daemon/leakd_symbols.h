/* SPDX-License-Identifier: MIT */
/* Between the store, which has addresses, and the symboliser, which has names. */
#ifndef LEAKD_SYMBOLS_H
#define LEAKD_SYMBOLS_H

#include "daemon/symbol/symbol.h"

struct store;

/* Hands the store's unnamed addresses to the symboliser, one batch at a time; without one (NULL)
 * they stay addresses. */
void leakd_symbols_pump(struct store *store, struct symbolizer *symbolizer);

/* What the symboliser found; arg is the store. */
void leakd_symbols_take(void *arg, uint64_t key, const struct symbol_frame *frames, size_t count);

#endif
