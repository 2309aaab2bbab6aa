/* SPDX-License-Identifier: MIT */
/* Recorded streams from anywhere: whatever the pieces, the rows and the error are the same. The first
 * byte says where the stream is cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/stream.h"

struct seen {
    size_t count;
    uint64_t hash;
};

static bool on_sample(void *arg, const struct csv_row *row)
{
    struct seen *seen = arg;

    for (int i = 0; i < CSV_OLDEST; i++) {
        uint64_t bits;

        memcpy(&bits, &row->value[i], sizeof(bits));
        seen->hash = seen->hash * 1099511628211u + bits;
    }
    return ++seen->count < 100000;
}

static bool read_pieces(struct stream *stream, struct seen *seen, const uint8_t *data, size_t len,
                        size_t cut)
{
    memset(seen, 0, sizeof(*seen));
    stream_init(stream, on_sample, seen);
    return stream_feed(stream, data, cut) && stream_feed(stream, data + cut, len - cut) &&
           stream_finish(stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stream whole, cut;
    struct seen all, pieces;
    bool good;

    if (size == 0)
        return 0;
    good = read_pieces(&whole, &all, data + 1, size - 1, 0);
    if (good != read_pieces(&cut, &pieces, data + 1, size - 1, data[0] % size))
        abort();
    if (all.count != pieces.count || all.hash != pieces.hash || whole.offset != cut.offset ||
        strcmp(whole.error, cut.error) != 0)
        abort();
    return 0;
}
