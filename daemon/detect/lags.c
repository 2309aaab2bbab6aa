/* SPDX-License-Identifier: MIT */
#include "daemon/detect/lags.h"

#include "daemon/detect/profile.h"

/* Time constants in base blocks, of exponential smoothing: its weight, and the share of the
 * variance of independent errors that is left, weight / (2 - weight). */
#define LAG(blocks)                                                                                \
    {                                                                                              \
        (blocks), 1.0F / (1 + (blocks)), 1.0F / (1 + 2 * (blocks))                                 \
    }

static const struct {
    uint32_t blocks;
    float weight;
    float error_share;
} constants[LOAD_LAGS] = {LAG(0), LAG(1),  LAG(2),  LAG(3),  LAG(5),
                          LAG(8), LAG(13), LAG(21), LAG(34), LAG(55)};

/* The mean of all loads but the newest DETECT_BLOCKS. */
static float mean_before(const struct load_lags *lags, uint32_t blocks)
{
    double sum = (double)lags->mean * (blocks + 1);

    for (unsigned i = 0; i < DETECT_BLOCKS; i++)
        sum -= lags->past[i];
    return (float)(sum / (blocks + 1 - DETECT_BLOCKS));
}

/*
 * Each lag begins as the mean of what was seen: a start that is no load like others would else be
 * remembered for as long as the lag, and the way from it look like a rise. From then on smoothing
 * is linear, so the change of what was smoothed is the change smoothed, and no lag needs a past of
 * its own.
 */
void lags_put(struct load_lags *lags, uint32_t blocks, float load)
{
    float *oldest = &lags->past[blocks % DETECT_BLOCKS];
    float turn = load - *oldest;
    uint32_t begun = blocks >= DETECT_BLOCKS ? blocks - DETECT_BLOCKS : 0;
    float before = 0;

    *oldest = load;
    lags->mean += (load - lags->mean) / (float)(blocks + 1);
    if (blocks >= DETECT_BLOCKS && begun <= constants[LOAD_LAGS - 1].blocks)
        before = mean_before(lags, blocks);
    for (unsigned i = 0; i < LOAD_LAGS; i++) {
        struct load_lag *lag = &lags->lags[i];
        float weight = constants[i].weight;

        if (blocks <= constants[i].blocks)
            lag->smooth = lags->mean;
        else
            lag->smooth += (load - lag->smooth) * weight;
        if (begun <= constants[i].blocks)
            lag->turn = lag->smooth - before;
        else
            lag->turn += (turn - lag->turn) * weight;
    }
}

static void add(struct load_lags *lags, float gain, float error2)
{
    const float fade = (float)detect_rules.load_fade;
    const float per_block = 1.0F / DETECT_BLOCKS;

    lags->yy = fade * lags->yy + gain * gain * per_block;
    lags->ty = fade * lags->ty + gain;
    lags->tt = fade * lags->tt + DETECT_BLOCKS;
    lags->error = fade * lags->error + 2 * error2 * per_block;
    for (unsigned i = 0; i < LOAD_LAGS; i++) {
        struct load_lag *lag = &lags->lags[i];

        lag->xx = fade * lag->xx + lag->turn * lag->turn * per_block;
        lag->xy = fade * lag->xy + lag->turn * gain * per_block;
        lag->xt = fade * lag->xt + lag->turn;
    }
}

/* Of a lag: it explains common * common / signal of yy; load.c says how (sums_slope). */
struct explains {
    double common;
    double signal; /* 0: it explains nothing */
};

static struct explains explains(const struct load_lags *lags, unsigned i, double per_time)
{
    const struct load_lag *lag = &lags->lags[i];
    double time = lag->xt * per_time;
    double error = lags->error * constants[i].error_share;
    double signal = lag->xx - error;
    double common = lag->xy - time * lags->ty;

    if (signal <= error || common <= 0)
        return (struct explains){0, 0};
    signal -= time * lag->xt;
    return (struct explains){common, signal > 0 ? signal : 0};
}

/* What a lag must explain to be taken for better than this one. */
static double bar_of(const struct load_lags *lags, struct explains by)
{
    double explained = by.signal > 0 ? by.common * by.common / by.signal : 0;

    return lags->yy - detect_rules.lag_share * (lags->yy - explained);
}

void lags_learn(struct load_lags *lags, float gain, float error2)
{
    double per_time, bar;

    add(lags, gain, error2);
    per_time = 1 / (lags->tt * (1 + detect_rules.load_first));
    bar = bar_of(lags, explains(lags, lags->best, per_time));
    for (unsigned i = 0; i < LOAD_LAGS; i++) {
        struct explains by = explains(lags, i, per_time);

        if (by.signal <= 0 || by.common * by.common <= bar * by.signal)
            continue;
        lags->best = (uint8_t)i;
        bar = bar_of(lags, by);
    }
}

float lags_load(const struct load_lags *lags)
{
    return lags->lags[lags->best].smooth;
}

float lags_error_share(const struct load_lags *lags)
{
    return constants[lags->best].error_share;
}
