/* SPDX-License-Identifier: MIT */
#include "agent/core/hot.h"

static const uint8_t must_look = 1;

struct hot_gate hot_gate = {
    .counted_from = UINTPTR_MAX,
    .asked_from = UINTPTR_MAX,
    .filter = &must_look,
};

void hot_open(void)
{
    hot_gate.filter = live_filter; /* its first counter is NULL's and never 0 */
    hot_gate.filter_mask = LIVE_FILTER_SIZE - 1;
    hot_gate.counted_from = 1;
}

void hot_open_asking(void)
{
    hot_gate.asked_from = 1;
}
