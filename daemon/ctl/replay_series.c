/* SPDX-License-Identifier: MIT */
#include "daemon/ctl/replay_series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct replay_series *replay_series_new(const struct replay_settings *settings, const char *name,
                                        size_t name_len)
{
    struct replay_series *series = calloc(1, sizeof(*series));

    if (!series)
        return NULL;
    series->settings = settings;
    if (name && !(series->name = strndup(name, name_len))) {
        free(series);
        return NULL;
    }
    return series;
}

void replay_series_free(struct replay_series *series)
{
    if (series)
        free(series->name);
    free(series);
}

void replay_series_read(const struct replay_series *series, struct detect_result *out)
{
    if (series->settings->has_load && series->settings->clock == CLOCK_TIME)
        load_read(&series->with_load, out);
    else
        detector_read(&series->plain, out);
}

/* Time stands still in work while there is none: then there is nothing to push. */
static bool push_work(struct replay_series *series, struct detect_sample *sample)
{
    bool is_first = !series->work.has_started;
    uint64_t work_ms = work_clock_ms(&series->work, sample->time_ms, series->load);

    if (!is_first && work_ms <= series->work_ms)
        return false;
    series->work_ms = work_ms;
    sample->time_ms = work_ms;
    return detector_push(&series->plain, sample);
}

/* An age of 0 is one too. */
static uint64_t age_ms(double seconds)
{
    return seconds < CSV_TIME_MAX_S ? (uint64_t)(seconds * 1000) + 1 : 0;
}

/* By enum csv_meaning. */
static void push(struct replay_series *series, const double *value)
{
    const struct replay_settings *settings = series->settings;
    struct detect_sample sample = {.time_ms = (uint64_t)(value[CSV_TIME] * 1000 + 0.5),
                                   .bytes = value[CSV_BYTES]};
    bool changed;

    series->t_s = value[CSV_TIME];
    if (!isnan(value[CSV_OLDEST]))
        sample.oldest_ms = age_ms(value[CSV_OLDEST]);
    if (!isnan(value[CSV_LOAD]))
        series->load = value[CSV_LOAD];
    if (!settings->has_load)
        changed = detector_push(&series->plain, &sample);
    else if (settings->clock == CLOCK_TIME)
        changed = load_push(&series->with_load, &sample, series->load);
    else
        changed = push_work(series, &sample);
    if (changed)
        settings->on_change(settings->arg, series);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, unsigned n)
{
    qsort(values, n, sizeof(values[0]), compare);
    return values[n / 2];
}

/* Median distance of the first samples: one hole or clock jump there changes nothing. */
static uint64_t first_step_ms(const struct replay_series *series)
{
    double steps[REPLAY_FIRST_MAX];
    unsigned n = 0;

    for (unsigned i = 1; i < series->first_count; i++) {
        double step = series->first[i][CSV_TIME] - series->first[i - 1][CSV_TIME];

        if (step > 0)
            steps[n++] = step;
    }
    return n > 0 ? (uint64_t)(median(steps, n) * 1000 + 0.5) : 1000;
}

static double first_load(const struct replay_series *series)
{
    double loads[REPLAY_FIRST_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < series->first_count; i++)
        if (!isnan(series->first[i][CSV_LOAD]))
            loads[n++] = series->first[i][CSV_LOAD];
    return n > 0 ? median(loads, n) : 0;
}

static void start(struct replay_series *series)
{
    const struct detect_profile *profile = series->settings->profile;
    uint64_t step_ms = first_step_ms(series);

    series->running = true;
    series->load = first_load(series);
    detector_init(&series->plain, profile, step_ms, 1);
    load_init(&series->with_load, profile, step_ms);
    work_clock_init(&series->work, series->load);
    for (unsigned i = 0; i < series->first_count; i++)
        push(series, series->first[i]);
}

void replay_series_push(struct replay_series *series, const struct csv_row *row)
{
    if (series->running) {
        push(series, row->value);
        return;
    }
    memcpy(series->first[series->first_count], row->value, sizeof(row->value));
    if (++series->first_count == REPLAY_FIRST_MAX)
        start(series);
}

void replay_series_finish(struct replay_series *series)
{
    if (!series->running && series->first_count > 0)
        start(series);
}
