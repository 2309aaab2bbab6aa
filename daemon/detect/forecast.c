/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "daemon/detect/detect.h"

static double seconds_to(double room_bytes, double bytes_per_s)
{
    return bytes_per_s > 0 ? room_bytes / bytes_per_s : INFINITY;
}

struct forecast forecast_to_limit(const struct growth *growth, double level_bytes,
                                  double limit_bytes)
{
    struct forecast forecast = {.known = false};
    double room = fmax(limit_bytes - level_bytes, 0);

    if (!growth->known || !(growth->estimate > 0) || !(limit_bytes > 0))
        return forecast;
    forecast.known = true;
    forecast.estimate_s = seconds_to(room, growth->estimate);
    /* Without what the day may add: it turns before it gets there, and whoever pages by the bound
     * or acts on it would do so for every leak of a large program. */
    forecast.lower_s = seconds_to(room, fmax(growth->upper - growth->pace, growth->estimate));
    forecast.upper_s = seconds_to(room, growth->lower);
    return forecast;
}
