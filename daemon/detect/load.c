/* SPDX-License-Identifier: MIT */
#include "daemon/detect/load.h"

#include <math.h>
#include <string.h>

#include "daemon/detect/blocks.h"
#include "daemon/detect/climb.h"
#include "daemon/detect/ladder.h"
#include "daemon/detect/packed.h"
#include "daemon/detect/profile.h"
#include "daemon/detect/reading.h"
#include "daemon/detect/trend.h"
#include "daemon/detect/verdict.h"

/* How far a window looks back for a difference: from its newest block to its oldest. */
#define SPAN (DETECT_BLOCKS - 1)

_Static_assert(sizeof(struct load_detector) <= 2208, "the budget of a series beside a load");

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
    detector->raw.has_load = true;
    detector->raw.block_ms = block_of(&detector->raw);
}

/* Long differences say less each: in them the leak and all that wanders is larger. */
static void sums_add(struct load_sums *sums, float blocks, float bytes, float load, float error2)
{
    float fade = (float)detect_rules.load_fade;

    sums->xx = fade * sums->xx + load * load / blocks;
    sums->xy = fade * sums->xy + load * bytes / blocks;
    sums->xt = fade * sums->xt + load;
    sums->ty = fade * sums->ty + bytes;
    sums->tt = fade * sums->tt + blocks;
    sums->error = fade * sums->error + 2 * error2 / blocks;
}

/* What of the load's movement is no error; none where most of it is. */
static float sums_signal(const struct load_sums *sums)
{
    float signal = sums->xx - sums->error;

    return signal > sums->error ? signal : 0;
}

static void sums_merge(struct load_sums *sums, const struct load_sums *of_scale)
{
    if (sums_signal(of_scale) <= 0)
        return;
    sums->xx += of_scale->xx;
    sums->xy += of_scale->xy;
    sums->xt += of_scale->xt;
    sums->ty += of_scale->ty;
    sums->tt += of_scale->tt;
    sums->error += of_scale->error;
}

/* Bytes for a unit of load. Never negative: more work does not need less memory. What grows with
 * time alone is taken out, but where the load rises with time too it stays: there all is given to
 * the load. */
static double sums_slope(const struct load_sums *sums)
{
    double signal = sums_signal(sums);
    double time, common;

    if (signal <= 0)
        return 0;
    time = sums->xt / (sums->tt * (1 + detect_rules.load_first));
    signal -= time * sums->xt;
    common = sums->xy - time * sums->ty;
    return common > 0 && signal > 0 ? common / signal : 0;
}

/* Returns of how many scales a block was closed. Longer blocks are those where the rest is least.
 */
static unsigned blocks_add(struct load_detector *detector, float bytes, float load)
{
    struct detector *raw = &detector->raw;
    unsigned scales = blocks_closing(raw);

    blocks_put_load(raw, scales, &detector->load, load);
    raw->load = &detector->load;
    ladder_put(raw, scales, bytes);
    raw->load = NULL;
    return scales;
}

static float load_at(const struct load_detector *detector, unsigned scale, unsigned back)
{
    return packed_value(detector->load.kept[blocks_place(&detector->raw, scale, back)]);
}

static void scale_learn(struct load_detector *detector, unsigned scale)
{
    const float *bytes = detector->raw.kept.min;
    const uint16_t *load = detector->load.kept;
    size_t newest = blocks_place(&detector->raw, scale, 0);
    size_t oldest = blocks_place(&detector->raw, scale, SPAN);

    sums_add(&detector->sums[scale], (float)(SPAN << scale), bytes[newest] - bytes[oldest],
             packed_value(load[newest]) - packed_value(load[oldest]),
             detector->error2 * lags_error_share(&detector->lags));
}

/* Of all scales: the short ones tell a jump of the load from a leak, the long ones see a day. */
static struct load_sums model_sums(const struct load_detector *detector)
{
    struct load_sums sums = {0};

    for (unsigned scale = 0; scale < DETECT_SCALES && ladder_is_full(&detector->raw, scale);
         scale++)
        sums_merge(&sums, &detector->sums[scale]);
    return sums;
}

static void model_step(struct load_detector *detector, unsigned scales)
{
    struct load_sums sums;

    for (unsigned scale = 0; scale < scales && ladder_is_full(&detector->raw, scale); scale++)
        scale_learn(detector, scale);
    sums = model_sums(detector);
    detector->load.bytes_per_load = (float)sums_slope(&sums);
}

/* How little is known of the bytes for a unit of load, 1: nothing. What of the load's movement is
 * error says nothing, and who has looked n times would be as sure by n of n + 1. */
static double model_doubt(const struct load_detector *detector)
{
    struct load_sums sums = model_sums(detector);
    double looks = (detector->raw.blocks - (double)DETECT_BLOCKS) / DETECT_BLOCKS;

    if (detector->load.bytes_per_load <= 0)
        return 1;
    return 1 - sums_signal(&sums) / sums.xx * looks / (looks + 1);
}

static float rest_level(const struct load_detector *detector)
{
    const struct detector *raw = &detector->raw;

    return raw->blocks > 0 ? blocks_rest(raw, &detector->load, blocks_place(raw, 0, 0)) : 0;
}

/* One detector judges both, in turn: between open and close it is that of the rest. All blocks are
 * then seen with what is known now: a better slope does not bend the line. */
static void exchange(struct load_detector *detector)
{
    struct detect_found found = detector->raw.found;

    detector->raw.found = detector->rest;
    detector->rest = found;
}

static void rest_open(struct load_detector *detector)
{
    exchange(detector);
    detector->raw.load = &detector->load;
}

static void rest_close(struct load_detector *detector)
{
    exchange(detector);
    detector->raw.load = NULL;
}

/* The newest block is in the ladder, and now counted as closed. */
static void rest_step(struct load_detector *detector, unsigned scales, bool is_last)
{
    float level = rest_level(detector);

    rest_open(detector);
    detector_test(&detector->raw, scales, level);
    if (is_last)
        detector_decide(&detector->raw, level);
    rest_close(detector);
}

/* What a line through three blocks leaves over is error; a jump is not. */
static void error_step(struct load_detector *detector, float load)
{
    float turn = load - 2 * detector->newest + detector->before;
    float square = turn * turn / 6;
    float most = (float)detect_rules.load_jump * detector->error2;
    float memory = (float)(1 / (1 - detect_rules.load_fade));
    float blocks = (float)detector->raw.blocks + 1;

    if (detector->raw.blocks >= DETECT_BLOCKS && square > most)
        square = most;
    detector->error2 += (square - detector->error2) / (blocks < memory ? blocks : memory);
    detector->before = detector->newest;
    detector->newest = load;
}

/* Blocks that were missed teach nothing: they lie on a line that was never seen. */
static void block_put(struct load_detector *detector, float bytes, float load, bool is_last)
{
    struct detector *raw = &detector->raw;
    float gain = bytes - blocks_at(raw, 0, SPAN);
    unsigned scales;

    lags_put(&detector->lags, raw->blocks, load);
    if (is_last && raw->blocks >= DETECT_BLOCKS)
        lags_learn(&detector->lags, gain, detector->error2);
    scales = blocks_add(detector, bytes, lags_load(&detector->lags));
    if (is_last)
        model_step(detector, scales);
    ladder_test(raw, scales);
    climb_step(raw, bytes);
    rest_step(detector, scales, is_last);
}

static void blocks_close(struct load_detector *detector, const struct detect_closed *closed)
{
    float load = detector->count > 0 ? detector->sum / (float)detector->count : detector->newest;
    float bytes = detector->raw.level > 0 ? detector->raw.level : closed->min;
    float before;

    if (!detector->has_load)
        detector->load.first = detector->newest = detector->before = load;
    detector->has_load = true;
    before = detector->newest;
    error_step(detector, load);
    for (uint32_t i = 1; i <= closed->missed; i++)
        block_put(detector, detect_closed_at(bytes, closed->min, closed, i),
                  detect_closed_at(before, load, closed, i), false);
    block_put(detector, closed->min, load, true);
    detector_decide(&detector->raw, closed->min);
    detector->sum = 0;
    detector->count = 0;
}

/* The line of the load through a window, per base block and as a share of its mean. False when the
 * window is not full or without load. */
static bool load_line(const struct load_detector *detector, unsigned scale,
                      struct trend_shape *line, double *share)
{
    double y[DETECT_BLOCKS];
    double mean = 0;

    if (scale >= DETECT_SCALES || !ladder_is_full(&detector->raw, scale))
        return false;
    for (unsigned i = 0; i < DETECT_BLOCKS; i++) {
        y[i] = load_at(detector, scale, SPAN - i);
        mean += y[i] / DETECT_BLOCKS;
    }
    if (mean <= 0)
        return false;
    trend_measure_quick(y, 0, detect_rules.load_z, line);
    *share = line->line.slope_per_step / (double)(1u << scale) / mean;
    return true;
}

/* The bytes grow, and what the load does not explain of them does not. */
static bool load_explains_all(const struct load_detector *detector)
{
    return detector->raw.found.verdict == VERDICT_LEAK && detector->rest.verdict != VERDICT_LEAK;
}

/* What of a detector's growth the load is held against: of the bytes, or of the rest. */
struct growing {
    enum verdict verdict;
    unsigned scale;
    double share; /* of the level, a base block */
};

static struct growing growing_of(const struct load_detector *detector)
{
    const struct detect_found *rest = &detector->rest;
    const struct detector *raw = &detector->raw;

    if (raw->blocks == 0)
        return (struct growing){.verdict = (enum verdict)rest->verdict};
    if (load_explains_all(detector))
        return (struct growing){VERDICT_LEAK, raw->found.scale, raw->found.rate / raw->level};
    return (struct growing){(enum verdict)rest->verdict, rest->scale,
                            rest->rate / rest_level(detector)};
}

/* By how much of the memory's growth the load grows in the window that shows it; 0 when it is not
 * certain that it does. */
static double load_rise(const struct load_detector *detector, const struct growing *growing)
{
    struct trend_shape line;
    double share;

    if (growing->share <= 0 || !load_line(detector, growing->scale, &line, &share) ||
        line.z_plain < detect_rules.load_z)
        return 0;
    return share / growing->share;
}

/* Whatever it is that grows: in as long again as it has grown there is no room left. */
static bool limit_is_near(const struct load_detector *detector)
{
    const struct detector *raw = &detector->raw;
    double lasted = verdict_lasted(raw);

    return raw->found.verdict == VERDICT_LEAK && raw->limit_bytes > 0 && lasted > 0 &&
           raw->level + raw->found.rate * lasted > detect_rules.limit_share * raw->limit_bytes;
}

/* What grew while the load rose is not called a leak when the load has risen: which of the two the
 * memory follows cannot be told. */
static bool is_explained(const struct load_detector *detector)
{
    struct growing growing = growing_of(detector);

    if (growing.verdict != VERDICT_LEAK || detector->verdict == VERDICT_LEAK)
        return false;
    return load_rise(detector, &growing) >= detect_rules.load_share ||
           (detector->is_explained && load_explains_all(detector));
}

static enum verdict verdict_of(struct load_detector *detector)
{
    detector->is_explained = is_explained(detector);
    if (!detector->is_explained)
        return growing_of(detector).verdict;
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

/* The rest's part of a restart. */
static void forget(struct load_detector *detector)
{
    rest_open(detector);
    detector_restart_found(&detector->raw);
    rest_close(detector);
}

void load_restart(struct load_detector *detector)
{
    detector_restart(&detector->raw);
    forget(detector);
    judge(detector);
}

bool load_push(struct load_detector *detector, const struct detect_sample *sample, double load)
{
    struct detect_closed closed;
    enum detect_taken taken;
    bool changed = false;

    if (!(load >= 0) || !isfinite((float)load))
        return false;
    taken = detector_take(&detector->raw, sample, &closed);
    if (taken == DETECT_REFUSED)
        return false;
    if (taken == DETECT_CLOSED) {
        if (closed.restarted)
            forget(detector);
        blocks_close(detector, &closed);
        changed = judge(detector);
    }
    detector->sum += (float)load;
    detector->count++;
    return changed;
}

/* The detector whose growth is judged: of the bytes, or of the rest, which is made in `rest`. */
static const struct detector *shown(const struct load_detector *detector, struct detector *rest)
{
    if (load_explains_all(detector))
        return &detector->raw;
    *rest = detector->raw;
    rest->found = detector->rest;
    rest->load = &detector->load;
    if (rest->blocks > 0)
        rest->level = rest_level(detector);
    return rest;
}

/* What the load adds to the growth of the rest is as uncertain as the slope of memory over load. Of
 * that nothing may be known, and then it lies between no memory and all there is in proportion; too
 * little is learnt first, of a load seen with errors and followed late. So a load that falls may
 * hide growth, one that rises be part of it. */
static void read_doubt(const struct load_detector *detector, const struct detector *rest,
                       struct growth *growth)
{
    struct trend_shape line;
    double share, part;

    if (!growth->known || !load_line(detector, rest->found.scale, &line, &share))
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
    struct detector rest;
    const struct detector *growing = shown(detector, &rest);

    detector_read(growing, out);
    if (detector->rest.verdict == VERDICT_LEAK)
        read_doubt(detector, growing, &out->growth);
    out->verdict = (enum verdict)detector->verdict;
    out->changed_ms = detector->changed_ms;
    out->explained_by_load = detector->is_explained;
}

size_t load_explain_tests(const struct load_detector *detector,
                          struct detect_check out[DETECT_CHECKS_MAX])
{
    struct growing growing = growing_of(detector);
    struct detector rest;
    size_t count = detect_explain_tests(shown(detector, &rest), out);
    double rise;

    if (count == 0 || (growing.verdict != VERDICT_SUSPECT && growing.verdict != VERDICT_LEAK))
        return count;
    rise = load_rise(detector, &growing);
    out[count++] = (struct detect_check){.test = DETECT_TEST_NOT_LOAD,
                                         .value = rise,
                                         .needed = detect_rules.load_share,
                                         .passed = rise < detect_rules.load_share};
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
