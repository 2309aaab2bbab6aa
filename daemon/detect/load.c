/* SPDX-License-Identifier: MIT */
#include "daemon/detect/load.h"

#include <math.h>
#include <string.h>

#include "daemon/detect/ladder.h"
#include "daemon/detect/profile.h"
#include "daemon/detect/reading.h"
#include "daemon/detect/trend.h"
#include "daemon/detect/verdict.h"

/* How far a ring looks back for a difference: its oldest block to its newest. */
#define SPAN (DETECT_BLOCKS - 1)

/* Time constants in base blocks: memory follows at once, or with the lives of sessions and the
 * patience of collectors. */
static const float lag_blocks[LOAD_LAGS] = {0, 1, 2, 3, 5, 8, 13, 21, 34, 55};

/* At least two samples: the mean of one load is as wrong as the one sample. */
static uint32_t block_of(const struct detector *raw)
{
    return raw->block_ms > 2 * raw->step_ms ? raw->block_ms : 2 * raw->step_ms;
}

void load_init(struct load_detector *detector, const struct detect_profile *profile,
               uint64_t step_ms)
{
    memset(detector, 0, sizeof(*detector));
    detector_init(&detector->raw, profile, step_ms, 1);
    detector_init(&detector->rest, profile, step_ms, 1);
    detector->raw.has_load = detector->rest.has_load = true;
    detector->raw.block_ms = detector->rest.block_ms = block_of(&detector->raw);
    detector->rest.one_life = true;
}

/* Long differences say less each: in them the leak and all that wanders is larger. */
static void sums_add(struct load_sums *sums, double blocks, double bytes, double load,
                     double error2)
{
    float fade = (float)detect_rules.load_fade;

    sums->xx = fade * sums->xx + (float)(load * load / blocks);
    sums->xy = fade * sums->xy + (float)(load * bytes / blocks);
    sums->xt = fade * sums->xt + (float)load;
    sums->ty = fade * sums->ty + (float)bytes;
    sums->tt = fade * sums->tt + (float)blocks;
    sums->yy = fade * sums->yy + (float)(bytes * bytes / blocks);
    sums->error = fade * sums->error + (float)(2 * error2 / blocks);
}

/* What of the load's movement is no error; none where most of it is. */
static double sums_signal(const struct load_sums *sums)
{
    double signal = (double)sums->xx - sums->error;

    return signal > sums->error ? signal : 0;
}

static void sums_merge(struct load_sums *to, const struct load_sums *from)
{
    if (sums_signal(from) <= 0)
        return;
    to->xx += from->xx;
    to->xy += from->xy;
    to->xt += from->xt;
    to->ty += from->ty;
    to->tt += from->tt;
    to->error += from->error;
}

/* Covariance of load and bytes. What grows with time alone is taken out, but where the load rises
 * with time too it stays: there all is given to the load. */
static double sums_common(const struct load_sums *sums)
{
    return sums->xy - (double)sums->xt * sums->ty / (sums->tt * (1 + detect_rules.load_first));
}

/* Bytes for a unit of load. Never negative: more work does not need less memory. */
static double sums_slope(const struct load_sums *sums)
{
    double signal = sums_signal(sums);
    double common;

    if (signal <= 0)
        return 0;
    signal -= (double)sums->xt * sums->xt / (sums->tt * (1 + detect_rules.load_first));
    common = sums_common(sums);
    return common > 0 && signal > 0 ? common / signal : 0;
}

/* What a lag does not explain of the differences of bytes. */
static double lag_leaves(const struct load_lag *lag)
{
    double slope = sums_slope(&lag->sums);

    return slope > 0 ? lag->sums.yy - slope * sums_common(&lag->sums) : lag->sums.yy;
}

static void lag_step(struct load_detector *detector, unsigned i, float gain, float load)
{
    struct load_lag *lag = &detector->lags[i];
    uint32_t slot = detector->blocks % DETECT_BLOCKS;
    float weight = 1 / (1 + lag_blocks[i]);

    /* At first the mean of what was seen: a start that is no load like others would else be
     * remembered for as long as the lag, and the way from it look like a rise. */
    lag->smooth += (load - lag->smooth) * fmaxf(weight, 1 / (float)(detector->blocks + 1));
    if (detector->blocks >= DETECT_BLOCKS)
        sums_add(&lag->sums, DETECT_BLOCKS, gain, lag->smooth - lag->past[slot],
                 detector->error2 * weight / (2 - weight));
    lag->past[slot] = lag->smooth;
}

static void lags_step(struct load_detector *detector, float bytes, float load)
{
    uint32_t slot = detector->blocks % DETECT_BLOCKS;
    float gain = bytes - detector->past_bytes[slot];

    for (unsigned i = 0; i < LOAD_LAGS; i++) {
        lag_step(detector, i, gain, load);
        if (lag_leaves(&detector->lags[i]) <
            detect_rules.lag_share * lag_leaves(&detector->lags[detector->lag]))
            detector->lag = (uint8_t)i;
    }
    detector->past_bytes[slot] = bytes;
}

static float rest_of(const struct load_detector *detector, float bytes, float load)
{
    return fmaxf(bytes - detector->bytes_per_load * (load - detector->first), 1);
}

static void rings_put(struct load_detector *detector, float bytes, float load)
{
    uint32_t blocks = ++detector->blocks;
    struct load_ring *ring = &detector->rings[0];

    ring->bytes[(blocks - 1) % DETECT_BLOCKS] = bytes;
    ring->load[(blocks - 1) % DETECT_BLOCKS] = load;
    for (unsigned scale = 1; scale < DETECT_SCALES && blocks % 2 == 0; scale++, blocks /= 2) {
        const struct load_ring *below = &detector->rings[scale - 1];
        uint32_t a = (blocks - 1) % DETECT_BLOCKS;
        uint32_t b = (blocks - 2) % DETECT_BLOCKS;
        uint32_t least = rest_of(detector, below->bytes[a], below->load[a]) <
                                 rest_of(detector, below->bytes[b], below->load[b])
                             ? a
                             : b;

        ring = &detector->rings[scale];
        ring->bytes[(blocks / 2 - 1) % DETECT_BLOCKS] = below->bytes[least];
        ring->load[(blocks / 2 - 1) % DETECT_BLOCKS] = below->load[least];
    }
}

static void ring_learn(struct load_detector *detector, unsigned scale, uint32_t newest)
{
    struct load_ring *ring = &detector->rings[scale];
    uint32_t a = newest % DETECT_BLOCKS;
    uint32_t b = (newest - SPAN) % DETECT_BLOCKS;
    float weight = 1 / (1 + lag_blocks[detector->lag]);

    sums_add(&ring->sums, SPAN * (double)(1u << scale), ring->bytes[a] - ring->bytes[b],
             ring->load[a] - ring->load[b], detector->error2 * weight / (2 - weight));
}

/* Of all scales: the short ones tell a jump of the load from a leak, the long ones see a day. */
static struct load_sums model_sums(const struct load_detector *detector)
{
    struct load_sums sums = {0};

    for (unsigned scale = 0; scale < DETECT_SCALES; scale++)
        if (detector->blocks >> scale >= DETECT_BLOCKS)
            sums_merge(&sums, &detector->rings[scale].sums);
    return sums;
}

static void model_step(struct load_detector *detector)
{
    struct load_sums sums;

    for (unsigned scale = 0; scale < DETECT_SCALES; scale++) {
        uint32_t closed = detector->blocks >> scale;

        if (closed < DETECT_BLOCKS)
            break;
        if (closed << scale == detector->blocks)
            ring_learn(detector, scale, closed - 1);
    }
    sums = model_sums(detector);
    detector->bytes_per_load = (float)sums_slope(&sums);
}

/* How little is known of the bytes for a unit of load, 1: nothing. What of the load's movement is
 * error says nothing, and who has looked n times would be as sure by n of n + 1. */
static double model_doubt(const struct load_detector *detector)
{
    struct load_sums sums = model_sums(detector);
    double looks = (detector->blocks - (double)DETECT_BLOCKS) / DETECT_BLOCKS;

    if (detector->bytes_per_load <= 0)
        return 1;
    return 1 - sums_signal(&sums) / sums.xx * looks / (looks + 1);
}

/* All blocks that the ladder holds are seen with what is known now: a better slope does not bend
 * the line. */
static void rest_rebuild(struct load_detector *detector)
{
    for (unsigned scale = 0; scale < DETECT_SCALES; scale++) {
        struct detect_ring *rest = &detector->rest.rings[scale];
        const struct load_ring *ring = &detector->rings[scale];

        for (unsigned i = 0; i < DETECT_BLOCKS && i < rest->blocks; i++)
            rest->min[i] = rest_of(detector, ring->bytes[i], ring->load[i]);
    }
}

static void rest_put(struct load_detector *detector, float bytes, float load, uint32_t missed)
{
    struct detector *rest = &detector->rest;

    rest->start_ms = detector->raw.start_ms;
    rest->last_ms = detector->raw.last_ms;
    rest->limit_bytes = detector->raw.limit_bytes;
    rest->noise_bytes2 = detector->raw.noise_bytes2;
    rest->has_ages = detector->raw.has_ages;
    rest->birth = detector->raw.birth;
    rest_rebuild(detector);
    detector_put_block(rest, rest_of(detector, bytes, load), missed);
}

/* What a line through three blocks leaves over is error; a jump is not. */
static void error_step(struct load_detector *detector, float load)
{
    float turn = load - 2 * detector->newest + detector->before;
    float square = turn * turn / 6;
    float memory = (float)(1 / (1 - detect_rules.load_fade));

    if (detector->blocks >= DETECT_BLOCKS)
        square = fminf(square, (float)detect_rules.load_jump * detector->error2);
    detector->error2 += (square - detector->error2) / fminf((float)detector->blocks + 1, memory);
    detector->before = detector->newest;
    detector->newest = load;
}

static void block_step(struct load_detector *detector, uint32_t missed)
{
    float load = detector->count > 0 ? detector->sum / (float)detector->count : detector->newest;
    float bytes = detector->raw.level;

    if (!detector->has_load)
        detector->first = detector->newest = detector->before = load;
    detector->has_load = true;
    error_step(detector, load);
    lags_step(detector, bytes, load);
    load = detector->lags[detector->lag].smooth;
    for (uint32_t i = 0; i <= missed; i++)
        rings_put(detector, bytes, load);
    model_step(detector);
    rest_put(detector, bytes, load, missed);
    detector->sum = 0;
    detector->count = 0;
}

/* The line of the load through a window, per base block and as a share of its mean. False when the
 * window is not full or without load. */
static bool load_line(const struct load_detector *detector, unsigned scale,
                      struct trend_shape *line, double *share)
{
    const struct load_ring *ring = &detector->rings[scale % DETECT_SCALES];
    uint32_t blocks = detector->blocks >> scale;
    double y[DETECT_BLOCKS];
    double mean = 0;

    if (scale >= DETECT_SCALES || blocks < DETECT_BLOCKS)
        return false;
    for (unsigned i = 0; i < DETECT_BLOCKS; i++) {
        y[i] = ring->load[(blocks + i) % DETECT_BLOCKS];
        mean += y[i] / DETECT_BLOCKS;
    }
    if (mean <= 0)
        return false;
    trend_measure_quick(y, DETECT_BLOCKS, 0, line);
    *share = line->line.slope_per_step / (double)(1u << scale) / mean;
    return true;
}

/* By how much of the memory's growth the load grows in the window that shows it, of the bytes or of
 * the rest; 0 when it is not certain that it does. */
static double load_rise(const struct load_detector *detector, const struct detector *growing)
{
    struct trend_shape line;
    double share;

    if (growing->rate <= 0 || !load_line(detector, growing->scale, &line, &share) ||
        line.z_plain < detect_rules.load_z)
        return 0;
    return share / (growing->rate / growing->level);
}

/* The bytes grow, and what the load does not explain of them does not. */
static bool load_explains_all(const struct load_detector *detector)
{
    return detector->raw.verdict == VERDICT_LEAK && detector->rest.verdict != VERDICT_LEAK;
}

/* Whose growth is judged. */
static const struct detector *shown(const struct load_detector *detector)
{
    return load_explains_all(detector) ? &detector->raw : &detector->rest;
}

/* Which of the two the memory follows cannot be told. */
static bool load_rises_too(const struct load_detector *detector)
{
    return load_rise(detector, shown(detector)) >= detect_rules.load_share;
}

/* Whatever it is that grows: in as long again as it has grown there is no room left. */
static bool limit_is_near(const struct load_detector *detector)
{
    const struct detector *raw = &detector->raw;
    double lasted = (double)(raw->last_ms - raw->since_ms) / raw->block_ms;

    return raw->verdict == VERDICT_LEAK && raw->limit_bytes > 0 &&
           raw->level + raw->rate * lasted > detect_rules.limit_share * raw->limit_bytes;
}

/* What grew while the load rose is not called a leak when the load has risen. */
static bool is_explained(const struct load_detector *detector)
{
    const struct detector *growing = shown(detector);

    if (growing->verdict != VERDICT_LEAK || detector->verdict == VERDICT_LEAK)
        return false;
    return load_rises_too(detector) || (detector->is_explained && load_explains_all(detector));
}

static enum verdict verdict_of(struct load_detector *detector)
{
    detector->is_explained = is_explained(detector);
    if (!detector->is_explained)
        return (enum verdict)shown(detector)->verdict;
    if (!limit_is_near(detector))
        return VERDICT_SUSPECT;
    detector->is_explained = false;
    return VERDICT_LEAK;
}

static bool judge(struct load_detector *detector)
{
    uint8_t before = detector->verdict;

    detector->verdict = (uint8_t)verdict_of(detector);
    if (detector->verdict != before)
        detector->changed_ms = detector->raw.last_ms;
    return detector->verdict != before;
}

static void forget(struct load_detector *detector)
{
    detector->rest.open_block = detector->raw.born;
    detector_restart(&detector->rest);
    detector->blocks = 0;
}

void load_restart(struct load_detector *detector)
{
    detector_restart(&detector->raw);
    forget(detector);
    judge(detector);
}

bool load_push(struct load_detector *detector, const struct detect_sample *sample, double load)
{
    uint32_t closed = detector->raw.closed;
    uint32_t born = detector->raw.born;
    bool changed = false;

    if (!(load >= 0) || !isfinite((float)load))
        return false;
    detector_push(&detector->raw, sample);
    if (detector->raw.born != born) {
        forget(detector);
        closed = born = detector->raw.born;
    }
    if (detector->raw.closed != closed) {
        block_step(detector, detector->raw.closed - closed - 1);
        changed = judge(detector);
    }
    detector->sum += (float)load;
    detector->count++;
    return changed;
}

/* What the load adds to the growth of the rest is as uncertain as the slope of memory over load. Of
 * that nothing may be known, and then it lies between no memory and all there is in proportion; too
 * little is learnt first, of a load seen with errors and followed late. So a load that falls may
 * hide growth, one that rises be part of it. */
static void read_doubt(const struct load_detector *detector, struct growth *growth)
{
    const struct detector *rest = &detector->rest;
    struct trend_shape line;
    double share, part;

    if (!growth->known || !load_line(detector, rest->scale, &line, &share))
        return;
    part = model_doubt(detector) * share * rest->level * 1000 / rest->block_ms;
    if (part < 0)
        growth->upper -= part;
    else
        growth->lower -= part;
    reading_bound(growth);
}

void load_read(const struct load_detector *detector, struct detect_result *out)
{
    detector_read(shown(detector), out);
    if (detector->rest.verdict == VERDICT_LEAK)
        read_doubt(detector, &out->growth);
    out->verdict = (enum verdict)detector->verdict;
    out->changed_ms = detector->changed_ms;
    out->explained_by_load = detector->is_explained;
}

size_t load_explain_tests(const struct load_detector *detector,
                          struct detect_check out[DETECT_CHECKS_MAX])
{
    const struct detector *growing = shown(detector);
    size_t count = detect_explain_tests(growing, out);

    if (count > 0 && (growing->verdict == VERDICT_SUSPECT || growing->verdict == VERDICT_LEAK))
        out[count++] = (struct detect_check){.test = DETECT_TEST_NOT_LOAD,
                                             .value = load_rise(detector, growing),
                                             .needed = detect_rules.load_share,
                                             .passed = !load_rises_too(detector)};
    return count;
}

void work_clock_init(struct work_clock *clock, double usual_load)
{
    memset(clock, 0, sizeof(*clock));
    clock->usual = usual_load > 0 ? usual_load : 1;
}

uint64_t work_clock_ms(struct work_clock *clock, uint64_t time_ms, double load)
{
    if (clock->has_started && time_ms > clock->last_ms && load > 0 && isfinite(load))
        clock->work_s += (double)(time_ms - clock->last_ms) / 1000 * load / clock->usual;
    clock->has_started = true;
    clock->last_ms = time_ms;
    return (uint64_t)(clock->work_s * 1000);
}
