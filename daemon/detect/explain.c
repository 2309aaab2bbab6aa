/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "daemon/detect/detect.h"

struct unit {
    double bytes;
    const char *name;
};

static const struct unit units[] = {
    {1024.0 * 1024 * 1024, "GiB"}, {1024.0 * 1024, "MiB"}, {1024.0, "KiB"}, {1, "B"}};

/* The unit in which value has a digit before the point; B for the least. */
static const struct unit *unit_of(double bytes)
{
    const struct unit *unit = units;

    while (unit->bytes > 1 && fabs(bytes) < unit->bytes)
        unit++;
    return unit;
}

/* Three digits are all that a rate deserves. */
static int decimals_of(double value)
{
    return fabs(value) < 10 ? 2 : fabs(value) < 100 ? 1 : 0;
}

static void put_span(uint64_t seconds, char *out, size_t size)
{
    if (seconds < 60)
        snprintf(out, size, "%" PRIu64 " s", seconds);
    else if (seconds < 3600)
        snprintf(out, size, "%" PRIu64 " min", seconds / 60);
    else if (seconds < 48 * 3600)
        snprintf(out, size, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds / 60 % 60);
    else
        snprintf(out, size, "%" PRIu64 " d %" PRIu64 " h", seconds / 86400, seconds / 3600 % 24);
}

/* "14.2 MiB/h (12.9 to 15.6)" */
static void put_growth(const struct growth *growth, char *out, size_t size)
{
    double scale = growth->estimate * 3600 >= 1024.0 * 1024 * 1024 ? 1 : 3600;
    const struct unit *unit = unit_of(growth->estimate * scale);
    double factor = scale / unit->bytes;
    int decimals = decimals_of(growth->estimate * factor);

    snprintf(out, size, "%.*f %s/%s (%.*f to %.*f)", decimals, growth->estimate * factor,
             unit->name, scale > 1 ? "h" : "s", decimals, growth->lower * factor, decimals,
             growth->upper * factor);
}

static uint64_t span_s(uint64_t from_ms, uint64_t to_ms)
{
    return to_ms > from_ms ? (to_ms - from_ms) / 1000 : 0;
}

void detect_explain(const struct detect_result *result, uint64_t now_ms, char *out, size_t size)
{
    char growth[96] = "";
    char span[48];

    if (result->growth.known)
        put_growth(&result->growth, growth, sizeof(growth));
    put_span(span_s(result->since_ms, now_ms), span, sizeof(span));
    switch (result->verdict) {
    case VERDICT_LEAK:
        snprintf(out, size, "growing %s for %s", growth, span);
        break;
    case VERDICT_SUSPECT:
        snprintf(out, size, "may be leaking: growing %s for %s, not long enough to be sure",
                 growth, span);
        break;
    case VERDICT_FRAGMENTATION:
        snprintf(out, size, "resident memory grows %s over flat live bytes", growth);
        break;
    case VERDICT_RESOLVED:
        put_span(span_s(result->changed_ms, now_ms), span, sizeof(span));
        snprintf(out, size, "stopped growing %s ago", span);
        break;
    case VERDICT_OK:
        snprintf(out, size, "no steady growth");
        break;
    case VERDICT_LEARNING:
        snprintf(out, size, "learning: too few samples to judge");
        break;
    }
}
