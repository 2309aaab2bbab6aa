/* SPDX-License-Identifier: MIT */
/* Recorded series from anywhere: whatever the pieces, the samples and the error are the same, and
 * the detector survives them. The first byte says where the text is cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/csv.h"
#include "daemon/detect/detect.h"

struct seen {
    struct detector detector;
    size_t count;
    uint64_t hash;
};

static bool on_sample(void *arg, double t, double bytes)
{
    struct seen *seen = arg;
    struct detect_sample sample = {.time_ms = (uint64_t)(t * 1000), .bytes = bytes};
    uint64_t bits[2];

    memcpy(&bits[0], &t, sizeof(t));
    memcpy(&bits[1], &bytes, sizeof(bytes));
    seen->hash = (seen->hash ^ bits[0]) * 1099511628211u + bits[1];
    seen->count++;
    detector_push(&seen->detector, &sample);
    return true;
}

static bool read_pieces(struct csv *csv, struct seen *seen, const char *text, size_t len,
                        size_t cut)
{
    memset(seen, 0, sizeof(*seen));
    detector_init(&seen->detector, detect_profile_find("default"), 1000, 1);
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
    detector_read(&all.detector, &result);
    return 0;
}
