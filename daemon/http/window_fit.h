/* SPDX-License-Identifier: MIT */
/* The plain line through a window of a series, for people who lay windows side by side. It judges
 * nothing: warm-up, load and the course of a day are in it; the verdict's own line is the detector's. */
#ifndef LEAKD_HTTP_WINDOW_FIT_H
#define LEAKD_HTTP_WINDOW_FIT_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/detect/detect.h"
#include "daemon/store/series.h"

struct window_fit {
    uint64_t from_ms; /* of the measurements, not of what was asked for */
    uint64_t to_ms;
    double bytes_at_from;
    struct growth growth;
};

/* The regression through the lower envelope of the points, which are oldest first and at least
 * step_ms apart. Returns NULL, or why there is none, in words for people; *out is then untouched. */
const char *window_fit(const struct point *points, size_t count, uint64_t step_ms,
                       struct window_fit *out);

#endif
