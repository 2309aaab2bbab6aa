/* SPDX-License-Identifier: MIT */
/* Recorded series from anywhere: whatever the pieces, the samples and the error are the same, and
 * the detector survives them. The first byte says where the text is cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/csv.h"
#include "daemon/detect/load.h"

struct seen {
    struct load_detector detector;
    size_t count;
    uint64_t hash;
};

static bool on_sample(void *arg, const struct csv_row *row)
{
    struct seen *seen = arg;
    struct detect_sample sample = {.time_ms = (uint64_t)(row->value[CSV_TIME] * 1000),
                                   .bytes = row->value[CSV_BYTES]};

    for (int i = 0; i < CSV_VALUES; i++) {
        uint64_t bits;

        memcpy(&bits, &row->value[i], sizeof(bits));
        seen->hash = seen->hash * 1099511628211u + bits;
    }
    if (row->series && strnlen(row->series, row->series_len) != row->series_len)
        abort(); /* who keeps names keeps them as strings */
    for (size_t i = 0; i < row->series_len; i++)
        seen->hash = seen->hash * 1099511628211u + (uint8_t)row->series[i];
    seen->count++;
    load_push(&seen->detector, &sample, row->value[CSV_LOAD]);
    return true;
}

static bool read_pieces(struct csv *csv, struct seen *seen, const char *text, size_t len,
                        size_t cut)
{
    memset(seen, 0, sizeof(*seen));
    load_init(&seen->detector, detect_profile_find("default"), 1000);
    csv_init(csv, on_sample, seen);
    return csv_feed(csv, text, cut) && csv_feed(csv, text + cut, len - cut) && csv_finish(csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct csv whole, cut;
    struct seen all, pieces;
    struct detect_result result;
    bool good;

    if (size == 0)
        return 0;
    good = read_pieces(&whole, &all, (const char *)data + 1, size - 1, 0);
    if (good != read_pieces(&cut, &pieces, (const char *)data + 1, size - 1, data[0] % size))
        abort();
    if (all.count != pieces.count || all.hash != pieces.hash || whole.line != cut.line ||
        strcmp(whole.error, cut.error) != 0)
        abort();
    load_read(&all.detector, &result);
    return 0;
}
