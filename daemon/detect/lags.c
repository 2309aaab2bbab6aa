/* SPDX-License-Identifier: MIT */
#include "daemon/detect/lags.h"

#include "daemon/detect/profile.h"

#define LAGS(X)                                                                                    \
    {                                                                                              \
        X(0), X(1), X(2), X(3), X(5), X(8), X(13), X(21), X(34), X(55)                             \
    }

/* Time constants in base blocks, of exponential smoothing: its weight, and the share of the
 * variance of independent errors that is left, weight / (2 - weight). */
#define BLOCKS(blocks)      (blocks)
#define WEIGHT(blocks)      (1.0F / (1 + (blocks)))
#define ERROR_SHARE(blocks) (1.0F / (1 + 2 * (blocks)))

static const uint32_t lag_blocks[LOAD_LAGS] = LAGS(BLOCKS);
static const float weights[LOAD_LAGS] = LAGS(WEIGHT);
static const float error_shares[LOAD_LAGS] = LAGS(ERROR_SHARE);

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
 * remembered for as long as the lag, and the way from it look like a rise.
 */
static void put_first(struct load_lags *lags, uint32_t blocks, float load, float turn)
{
    uint32_t begun = blocks >= DETECT_BLOCKS ? blocks - DETECT_BLOCKS : 0;
    float before = blocks >= DETECT_BLOCKS ? mean_before(lags, blocks) : 0;

    for (unsigned i = 0; i < LOAD_LAGS; i++) {
        if (blocks <= lag_blocks[i])
            lags->smooth[i] = lags->mean;
        else
            lags->smooth[i] += (load - lags->smooth[i]) * weights[i];
        if (begun <= lag_blocks[i])
            lags->turn[i] = lags->smooth[i] - before;
        else
            lags->turn[i] += (turn - lags->turn[i]) * weights[i];
    }
}

/* From then on smoothing is linear, so the change of what was smoothed is the change smoothed, and
 * no lag needs a past of its own. */
void lags_put(struct load_lags *lags, uint32_t blocks, float load)
{
    float *oldest = &lags->past[blocks % DETECT_BLOCKS];
    float turn = load - *oldest;

    *oldest = load;
    lags->mean += (load - lags->mean) / (float)(blocks + 1);
    if (blocks <= DETECT_BLOCKS + lag_blocks[LOAD_LAGS - 1]) {
        put_first(lags, blocks, load, turn);
        return;
    }
    for (unsigned i = 0; i < LOAD_LAGS; i++) {
        lags->smooth[i] += (load - lags->smooth[i]) * weights[i];
        lags->turn[i] += (turn - lags->turn[i]) * weights[i];
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
        float turn = lags->turn[i];

        lags->xx[i] = fade * lags->xx[i] + turn * turn * per_block;
        lags->xy[i] = fade * lags->xy[i] + turn * gain * per_block;
        lags->xt[i] = fade * lags->xt[i] + turn;
    }
}

/* Of every lag: it explains common * common / signal of yy; load.c says how (sums_slope). */
struct explains {
    double common[LOAD_LAGS];
    double signal[LOAD_LAGS]; /* 0: it explains nothing */
};

static void explain(const struct load_lags *lags, struct explains *by)
{
    double per_time = 1 / (lags->tt * (1 + detect_rules.load_first));

    for (unsigned i = 0; i < LOAD_LAGS; i++) {
        double time = lags->xt[i] * per_time;
        double error = lags->error * error_shares[i];
        double signal = lags->xx[i] - error;
        double common = lags->xy[i] - time * lags->ty;
        double left = signal - time * lags->xt[i];

        by->common[i] = common;
        by->signal[i] = signal <= error || common <= 0 || !(left > 0) ? 0 : left;
    }
}

/* What a lag must explain to be taken for better than this one. */
static double bar_of(const struct load_lags *lags, const struct explains *by, unsigned i)
{
    double explained = by->signal[i] > 0 ? by->common[i] * by->common[i] / by->signal[i] : 0;

    return lags->yy - detect_rules.lag_share * (lags->yy - explained);
}

void lags_learn(struct load_lags *lags, float gain, float error2)
{
    struct explains by;
    double bar;

    add(lags, gain, error2);
    explain(lags, &by);
    bar = bar_of(lags, &by, lags->best);
    for (unsigned i = 0; i < LOAD_LAGS; i++) {
        if (by.signal[i] <= 0 || by.common[i] * by.common[i] <= bar * by.signal[i])
            continue;
        lags->best = (uint8_t)i;
        bar = bar_of(lags, &by, i);
    }
}

float lags_load(const struct load_lags *lags)
{
    return lags->smooth[lags->best];
}

float lags_error_share(const struct load_lags *lags)
{
    return error_shares[lags->best];
}
