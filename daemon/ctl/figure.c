/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/base/json.h"
#include "daemon/detect/phrase.h"

static bool get(const struct json_tree *object, const char *key, double *value)
{
    *value = json_get_double(object, key, NAN);
    return isfinite(*value);
}

static void put_none(char out[FIGURE_MAX])
{
    snprintf(out, FIGURE_MAX, "-");
}

void figure_bytes(const struct json_tree *object, const char *key, bool raw, char out[FIGURE_MAX])
{
    double value;

    if (!get(object, key, &value))
        put_none(out);
    else if (raw)
        snprintf(out, FIGURE_MAX, "%.0f", value);
    else
        phrase_bytes(value, out, FIGURE_MAX);
}

void figure_growth(const struct json_tree *object, bool raw, char out[FIGURE_MAX])
{
    const struct json_tree *shape = json_get(object, "growth_bytes_per_s");
    struct growth growth = {.known = true};

    if (!get(shape, "estimate", &growth.estimate) || !get(shape, "lower", &growth.lower) ||
        !get(shape, "upper", &growth.upper))
        put_none(out);
    else if (raw)
        snprintf(out, FIGURE_MAX, "%.1f (%.1f to %.1f)", growth.estimate, growth.lower,
                 growth.upper);
    else
        phrase_growth(&growth, out, FIGURE_MAX);
}

/* The upper end is null when growth may be none: then only "at least" is known. */
void figure_forecast(const struct json_tree *object, bool raw, char out[FIGURE_MAX])
{
    const struct json_tree *shape = json_get(object, "time_to_limit_s");
    double estimate, lower, upper;
    bool has_upper = get(shape, "upper", &upper);
    char span[32], least[32], most[32] = "never";

    if (!get(shape, "estimate", &estimate) || !get(shape, "lower", &lower)) {
        put_none(out);
    } else if (raw) {
        if (has_upper)
            snprintf(out, FIGURE_MAX, "%.0f (%.0f to %.0f)", estimate, lower, upper);
        else
            snprintf(out, FIGURE_MAX, "%.0f (%.0f to inf)", estimate, lower);
    } else {
        phrase_span(estimate, span, sizeof(span));
        phrase_span(lower, least, sizeof(least));
        if (has_upper)
            phrase_span(upper, most, sizeof(most));
        snprintf(out, FIGURE_MAX, "%s (%s to %s)", span, least, most);
    }
}

void figure_time(const struct json_tree *object, const char *key, bool raw, char out[FIGURE_MAX])
{
    double ms;
    time_t seconds;
    struct tm utc;

    if (!get(object, key, &ms) || fabs(ms) > 1e15) {
        put_none(out);
        return;
    }
    seconds = (time_t)(ms / 1000);
    if (raw || !gmtime_r(&seconds, &utc) || strftime(out, FIGURE_MAX, "%F %TZ", &utc) == 0)
        snprintf(out, FIGURE_MAX, "%.0f", ms);
}

/* The daemon names the culprit; an older one only lists frames, leaf first. */
static const struct json_tree *culprit(const struct json_tree *site)
{
    const struct json_tree *frames = json_get(site, "frames");

    if (!json_is_null(json_get(site, "culprit")))
        return json_get(site, "culprit");
    for (size_t i = 0; i < json_len(frames); i++)
        if (strcmp(json_get_str(json_at(frames, i), "language", ""), "python") == 0)
            return json_at(frames, i);
    return json_at(frames, 0);
}

void figure_frame(const struct json_tree *site, char *out, size_t size)
{
    const struct json_tree *frame = culprit(site);
    const char *function = json_get_str(frame, "function", "?");
    const char *file = json_get_str(frame, "file", NULL);
    double line = json_get_double(frame, "line", 0);

    if (file && line > 0)
        snprintf(out, size, "%s:%.0f %s()", file, line, function);
    else
        snprintf(out, size, "%s %s()", file ? file : json_get_str(frame, "module", "?"), function);
}
