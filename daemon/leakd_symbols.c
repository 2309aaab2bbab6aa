/* SPDX-License-Identifier: MIT */
#include "daemon/leakd_symbols.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/store/store.h"

#define SYMBOL_BATCH_MAX 256

void leakd_symbols_take(void *arg, uint64_t key, const struct symbol_frame *frames, size_t count)
{
    struct store_symbol_frame named[SYMBOL_FRAMES_MAX];
    struct store *store = arg;

    for (size_t i = 0; i < count && i < SYMBOL_FRAMES_MAX; i++)
        named[i] = (struct store_symbol_frame){.function = frames[i].function,
                                               .file = frames[i].file,
                                               .line = frames[i].line,
                                               .inlined = frames[i].inlined};
    if (store_put_symbol(store, key, named, count) < 0)
        log_warning("symbol.dropped", "error=%s; the frame stays an address", strerror(ENOMEM));
}

/* Nobody will name these: a site is whole, and has a fingerprint, once all its frames are settled.
 */
static void settle_addresses(struct store *store, const struct store_address *addresses,
                             size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_put_symbol(store, addresses[i].key, NULL, 0);
}

void leakd_symbols_pump(struct store *store, struct symbolizer *symbolizer)
{
    static struct store_address addresses[SYMBOL_BATCH_MAX];
    static struct symbol_request requests[SYMBOL_BATCH_MAX];
    size_t count;

    if (symbolizer && symbolizer_is_busy(symbolizer))
        return;
    count = store_take_unresolved(store, addresses, SYMBOL_BATCH_MAX);
    if (!symbolizer) {
        settle_addresses(store, addresses, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        requests[i] = (struct symbol_request){.path = addresses[i].path,
                                              .build_id = addresses[i].build_id,
                                              .build_id_len = addresses[i].build_id_len,
                                              .pid = addresses[i].pid,
                                              .offset = addresses[i].offset,
                                              .key = addresses[i].key};
    if (count > 0 && symbolizer_ask(symbolizer, requests, count) < 0) {
        log_warning("symbol.failed", "frames=%zu; they stay addresses", count);
        settle_addresses(store, addresses, count);
    }
}
