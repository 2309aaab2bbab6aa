/* SPDX-License-Identifier: MIT */
/* The blocks of all scales, of which only half is kept. */
#include <math.h>

#include "daemon/detect/blocks.h"
#include "daemon/detect/packed.h"
#include "tests/unit/daemon/feed.h"
#include "tests/unit/suite.h"

#define PUT     3000
#define SCALES  8 /* of which PUT fills windows */
#define TRIPLED 3 /* bytes for a unit of load */

static float value_of(uint32_t block)
{
    return 100 + (float)(block * 2654435761u >> 16 & 1023);
}

static float least_of(unsigned scale, uint32_t block)
{
    float least = INFINITY;

    for (uint32_t i = block << scale; i < (block + 1) << scale; i++)
        least = fminf(least, value_of(i));
    return least;
}

static void check_windows(const struct detector *detector)
{
    float window[DETECT_BLOCKS];

    for (unsigned scale = 0; scale < SCALES; scale++) {
        uint32_t closed = blocks_closed(detector, scale);

        if (closed < DETECT_BLOCKS)
            return;
        blocks_window(detector, scale, window);
        for (unsigned back = 0; back < DETECT_BLOCKS; back++) {
            float least = least_of(scale, closed - 1 - back);

            ck_assert_float_eq(blocks_at(detector, scale, back), least);
            ck_assert_float_eq(window[DETECT_BLOCKS - 1 - back], least);
        }
    }
}

START_TEST(a_window_holds_the_minima_of_its_blocks_whenever_it_is_read)
{
    struct detector detector;

    detector_init(&detector, detect_profile_find("default"), 1000, 1);
    for (uint32_t i = 0; i < PUT; i++) {
        blocks_put(&detector, blocks_closing(&detector), value_of(i));
        ck_assert_uint_eq(detector.blocks, i + 1);
        check_windows(&detector);
    }
}
END_TEST

START_TEST(a_window_that_has_just_closed_a_block_follows_from_the_one_below)
{
    float window[DETECT_BLOCKS], alone[DETECT_BLOCKS];
    struct detector detector;

    detector_init(&detector, detect_profile_find("default"), 1000, 1);
    for (uint32_t i = 0; i < PUT; i++) {
        unsigned scales = blocks_closing(&detector);

        blocks_put(&detector, scales, value_of(i));
        blocks_window(&detector, 0, window);
        for (unsigned scale = 1; scale < scales; scale++) {
            blocks_window_above(&detector, scale, window);
            blocks_window(&detector, scale, alone);
            if (blocks_closed(&detector, scale) >= DETECT_BLOCKS)
                ck_assert_mem_eq(window, alone, sizeof(window));
        }
    }
}
END_TEST

/* The load is so large where the bytes are few that what it leaves is least where they are most. */
START_TEST(beside_a_load_a_block_is_that_of_the_least_rest_with_its_load)
{
    struct detect_load load = {.bytes_per_load = TRIPLED};
    struct detector detector;

    detector_init(&detector, detect_profile_find("default"), 1000, 1);
    detector.load = &load;
    for (uint32_t i = 0; i < PUT; i++) {
        unsigned scales = blocks_closing(&detector);

        blocks_put_load(&detector, scales, &load, value_of(i));
        blocks_put(&detector, scales, 5000 + value_of(i));
    }
    for (unsigned scale = 0; scale < SCALES; scale++) {
        uint32_t closed = blocks_closed(&detector, scale);

        for (unsigned back = 0; back < DETECT_BLOCKS && back < closed; back++) {
            size_t place = blocks_place(&detector, scale, back);
            float bytes = detector.kept.min[place];
            float most = 0;

            for (uint32_t i = 0; i < 1u << scale; i++)
                most = fmaxf(most, value_of(((closed - 1 - back) << scale) + i));
            ck_assert_float_eq(bytes, 5000 + most);
            ck_assert_float_eq(load.kept[place], packed_of(most));
            ck_assert_float_eq(blocks_at(&detector, scale, back),
                               bytes - TRIPLED * packed_value(load.kept[place]));
        }
    }
}
END_TEST

START_TEST(cleared_blocks_begin_anew)
{
    struct detector detector;

    detector_init(&detector, detect_profile_find("default"), 1000, 1);
    for (uint32_t i = 0; i < 777; i++)
        blocks_put(&detector, blocks_closing(&detector), 1);
    blocks_clear(&detector);
    ck_assert_uint_eq(blocks_closed(&detector, 0), 0);
    for (uint32_t i = 0; i < PUT; i++)
        blocks_put(&detector, blocks_closing(&detector), value_of(i));
    check_windows(&detector);
}
END_TEST

SUITE_MAIN("detect_blocks", a_window_holds_the_minima_of_its_blocks_whenever_it_is_read,
           a_window_that_has_just_closed_a_block_follows_from_the_one_below,
           beside_a_load_a_block_is_that_of_the_least_rest_with_its_load, cleared_blocks_begin_anew)
