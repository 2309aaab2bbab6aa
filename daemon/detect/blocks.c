/* SPDX-License-Identifier: MIT */
#include "daemon/detect/blocks.h"

#include <stdbool.h>
#include <string.h>

#include "daemon/detect/packed.h"

/* A scale's blocks stand from the oldest, OLDEST back, to its newest that is kept. */
#define OLDEST DETECT_BLOCKS
#define NEWEST (DETECT_BLOCKS - 1)
#define HALF   (DETECT_BLOCKS / 2)

static size_t oldest_of(unsigned scale)
{
    return scale == 0 ? 0 : DETECT_KEPT_BASE + (scale - 1) * DETECT_KEPT_ABOVE;
}

unsigned blocks_closing(const struct detector *detector)
{
    uint32_t blocks = detector->blocks + 1;
    unsigned scales = 1;

    for (; scales < DETECT_SCALES && blocks % 2 == 0; blocks /= 2)
        scales++;
    return scales;
}

/* Whether a block in the newer half of its window is the newer of its pair. */
static bool is_newer(const struct detector *detector, unsigned scale, unsigned back)
{
    return detector->kept.newer[scale] >> back & 1;
}

/* A pair that is about to leave the window of the scale below is kept as a block of this one, the
 * first of its older half. Where the block that it is stands now. */
static size_t leaving(const struct detector *detector, unsigned scale)
{
    bool newer = is_newer(detector, scale, HALF - 1);

    return oldest_of(scale - 1) + newer;
}

/* Makes room for a base block at the end of what is kept, blocks or loads, of so many bytes each.
 * From the longest blocks to the shortest: what leaves a scale is read before it is gone. */
static inline void shift(const struct detector *detector, unsigned scales, void *kept, size_t size)
{
    char *base = kept;

    for (unsigned scale = scales - 1; scale > 0; scale--) {
        char *oldest = base + oldest_of(scale) * size;
        size_t rest = (DETECT_KEPT_ABOVE - 1) * size;

        memmove(oldest, oldest + size, rest);
        memcpy(oldest + rest, base + leaving(detector, scale) * size, size);
    }
    memmove(base, base + size, (DETECT_KEPT_BASE - 1) * size);
}

size_t blocks_place(const struct detector *detector, unsigned scale, unsigned back)
{
    while (scale > 0 && back < HALF) {
        bool older = !is_newer(detector, scale, back);

        scale--;
        back = 2 * back + blocks_closed(detector, scale) % 2 + older;
    }
    return oldest_of(scale) + OLDEST - back;
}

float blocks_rest(const struct detector *detector, const struct detect_load *load, size_t place)
{
    float more = packed_value(load->kept[place]) - load->first;
    float rest = detector->kept.min[place] - load->bytes_per_load * more;

    return rest > 1 ? rest : 1;
}

static float value_at(const struct detector *detector, size_t place)
{
    return detector->load ? blocks_rest(detector, detector->load, place)
                          : detector->kept.min[place];
}

void blocks_put(struct detector *detector, unsigned scales, float min)
{
    float *kept = detector->kept.min;
    size_t newest = DETECT_KEPT_BASE - 1;

    shift(detector, scales, kept, sizeof(*kept));
    kept[newest] = min;
    detector->blocks++;
    for (unsigned scale = 1; scale < scales; scale++) {
        uint8_t *newer = &detector->kept.newer[scale];
        size_t before = blocks_place(detector, scale - 1, 1);
        bool is_less = value_at(detector, newest) < value_at(detector, before);

        *newer = (uint8_t)(*newer << 1 | is_less);
        if (!is_less)
            newest = before;
    }
}

void blocks_put_load(const struct detector *detector, unsigned scales, struct detect_load *load,
                     float value)
{
    shift(detector, scales, load->kept, sizeof(*load->kept));
    load->kept[DETECT_KEPT_BASE - 1] = packed_of(value);
}

float blocks_at(const struct detector *detector, unsigned scale, unsigned back)
{
    return value_at(detector, blocks_place(detector, scale, back));
}

/* Half a window from one place on, in a loop that a compiler makes four at a time of. */
static void read_half(const struct detector *detector, size_t place, float out[HALF])
{
    if (!detector->load) {
        memcpy(out, detector->kept.min + place, HALF * sizeof(*out));
        return;
    }
    for (size_t i = 0; i < HALF; i++)
        out[i] = blocks_rest(detector, detector->load, place + i);
}

void blocks_window(const struct detector *detector, unsigned scale, float out[DETECT_BLOCKS])
{
    size_t oldest = oldest_of(scale) + 1;

    read_half(detector, oldest, out);
    if (scale == 0)
        read_half(detector, oldest + HALF, out + HALF);
    else
        for (unsigned back = 0; back < HALF; back++)
            out[NEWEST - back] = blocks_at(detector, scale, back);
}

void blocks_window_above(const struct detector *detector, unsigned scale,
                         float window[DETECT_BLOCKS])
{
    unsigned newer = detector->kept.newer[scale];

    for (unsigned back = 0; back < HALF; back++, newer >>= 1)
        window[NEWEST - back] = window[NEWEST - 1 - 2 * back + (newer & 1)];
    read_half(detector, oldest_of(scale) + 1, window);
}

void blocks_clear(struct detector *detector)
{
    detector->blocks = 0;
    memset(&detector->kept, 0, sizeof(detector->kept));
}
