/* SPDX-License-Identifier: MIT */
#include "daemon/detect/phrase.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

struct unit {
    double bytes;
    const char *name;
};

static const struct unit units[] = {{1024.0 * 1024 * 1024 * 1024, "TiB"},
                                    {1024.0 * 1024 * 1024, "GiB"},
                                    {1024.0 * 1024, "MiB"},
                                    {1024.0, "KiB"},
                                    {1, "B"}};

/* The unit in which the value has a digit before the point; B for the least. */
static const struct unit *unit_of(double bytes)
{
    const struct unit *unit = units;

    while (unit->bytes > 1 && fabs(bytes) < unit->bytes)
        unit++;
    return unit;
}

/* Three digits are all that a measurement deserves. */
static int decimals_of(double value)
{
    return fabs(value) < 10 ? 2 : fabs(value) < 100 ? 1 : 0;
}

void phrase_bytes(double bytes, char *out, size_t size)
{
    const struct unit *unit = unit_of(bytes);
    double value = bytes / unit->bytes;

    snprintf(out, size, "%.*f %s", unit->bytes > 1 ? decimals_of(value) : 0, value, unit->name);
}

void phrase_growth(const struct growth *growth, char *out, size_t size)
{
    double per = growth->estimate * 3600 >= 1024.0 * 1024 * 1024 ? 1 : 3600;
    const struct unit *unit = unit_of(growth->estimate * per);
    double factor = per / unit->bytes;
    int decimals = decimals_of(growth->estimate * factor);

    snprintf(out, size, "%.*f %s/%s (%.*f to %.*f)", decimals, growth->estimate * factor,
             unit->name, per > 1 ? "h" : "s", decimals, growth->lower * factor, decimals,
             growth->upper * factor);
}

void phrase_span(double seconds, char *out, size_t size)
{
    uint64_t s = seconds > 0 ? seconds < 1e12 ? (uint64_t)seconds : (uint64_t)1e12 : 0;

    if (s < 60)
        snprintf(out, size, "%" PRIu64 " s", s);
    else if (s < 3600)
        snprintf(out, size, "%" PRIu64 " min", s / 60);
    else if (s < 48 * 3600)
        snprintf(out, size, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
    else
        snprintf(out, size, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
}
