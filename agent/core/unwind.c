/* SPDX-License-Identifier: MIT */
#include "agent/core/unwind.h"

#include <string.h>
#include <sys/auxv.h>

#include "agent/core/attr.h"
#include "agent/core/eh_frame.h"
#include "agent/core/image.h"
#include "agent/core/unwind_bounds.h"
#include "agent/core/unwind_cache.h"
#include "agent/core/unwind_registers.h"

#define WORD_BYTES      sizeof(uintptr_t)
#define IMAGES_SEEN     4  /* most stacks go through no more files at a time */
#define LINKS_MAX       64 /* frames without tables (JIT code) between two with tables */
#define HDR_SIGNED_FROM 4  /* the bytes of .eh_frame_hdr that tell two builds apart: where */
#define HDR_SIGNED_TO   12 /* .eh_frame is, and how many functions it has */

/* An image that this walk has come through, asked for once. */
struct seen {
    struct image image;
    uint64_t identity;
};

struct walk {
    struct unwind_registers at;
    struct stack_bounds bounds;
    bool interrupted; /* at.pc is not behind a call */
    unsigned links;   /* frames still to be taken by frame pointer */
    unsigned seen_count;
    struct seen seen[IMAGES_SEEN];
};

enum step { STEP_ON, STEP_END, STEP_LOST };

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

/* The shared object this code is in. Empty when it is linked into the program itself, as in a
 * test: then there is no agent whose frames could be left out. */
static struct {
    uintptr_t start;
    uintptr_t end;
} own;

bool unwind_init(void)
{
    uintptr_t program = (uintptr_t)getauxval(AT_PHDR);

    unwind_bounds_init();
    own.start = (uintptr_t)__ehdr_start;
    own.end = (uintptr_t)_end;
    if (program >= own.start && program < own.end)
        own.start = own.end = 0;
    return image_init() && UNWIND_SUPPORTED;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static uint64_t identity_of(const struct image *image)
{
    uint64_t content = 0;
    uintptr_t hdr = image->eh_frame_hdr;

    if (hdr >= image->start && hdr <= image->end && image->end - hdr >= HDR_SIGNED_TO)
        memcpy(&content, (const void *)(hdr + HDR_SIGNED_FROM), sizeof(content));
    return ((uint64_t)(uintptr_t)image->map * 0xff51afd7ed558ccdu) ^
           ((uint64_t)hdr * 0xc4ceb9fe1a85ec53u) ^ (content * 0x9e3779b97f4a7c15u);
}

static const struct seen *seen_image(struct walk *walk, uintptr_t pc)
{
    struct seen *seen;

    for (unsigned i = 0; i < walk->seen_count && i < IMAGES_SEEN; i++) {
        seen = &walk->seen[i];
        if (pc >= seen->image.start && pc < seen->image.end)
            return seen;
    }
    seen = &walk->seen[walk->seen_count % IMAGES_SEEN];
    if (!image_find(pc, &seen->image)) {
        seen->image.start = seen->image.end = 0;
        return NULL;
    }
    seen->identity = identity_of(&seen->image);
    walk->seen_count++;
    return seen;
}

/* Not cached: parses the tables. */
static ATTR_COLD bool find_rule(const struct seen *seen, uintptr_t pc, struct unwind_rule *out)
{
    struct eh_frame_span span = {.hdr = seen->image.eh_frame_hdr};

    if (!UNWIND_BY_TABLES || span.hdr == 0 ||
        !image_segment(&seen->image, span.hdr, &span.start, &span.end) ||
        !eh_frame_find_rule(&span, pc, out))
        return false;
    unwind_cache_put(pc ^ seen->identity, out);
    return true;
}

/* pc is inside the instruction wanted, not behind it. */
static bool rule_at(struct walk *walk, uintptr_t pc, struct unwind_rule *out)
{
    const struct seen *seen = seen_image(walk, pc);

    if (!seen)
        return false;
    return unwind_cache_get(pc ^ seen->identity, out) || find_rule(seen, pc, out);
}

/* ---- one frame ------------------------------------------------------------------------------ */

static bool read_word(const struct stack_bounds *bounds, uintptr_t at, uintptr_t *out)
{
    if (unlikely(at % WORD_BYTES != 0 || at < bounds->low || at >= bounds->high ||
                 bounds->high - at < WORD_BYTES))
        return false;
    *out = *(const uintptr_t *)at;
    return true;
}

static uintptr_t plus_words(uintptr_t base, int32_t words)
{
    return base + (uintptr_t)((intptr_t)words * (intptr_t)WORD_BYTES);
}

static bool find_cfa(const struct walk *walk, const struct unwind_rule *rule, uintptr_t *out)
{
    uintptr_t base = walk->at.sp;

    if (rule->cfa_base == UNWIND_BASE_FP)
        base = walk->at.fp;
    else if (rule->cfa_base == UNWIND_BASE_BX)
        base = walk->at.bx;
    base = plus_words(base, rule->cfa_words);
    if (rule->cfa_deref)
        return read_word(&walk->bounds, base, out);
    *out = base;
    return true;
}

static bool read_place(const struct walk *walk, uint8_t place, int8_t words, uintptr_t cfa,
                       uintptr_t *reg)
{
    uintptr_t base = cfa;

    if (place == UNWIND_PLACE_SAME)
        return true;
    if (place == UNWIND_PLACE_SP)
        base = walk->at.sp;
    else if (place == UNWIND_PLACE_FP)
        base = walk->at.fp;
    return read_word(&walk->bounds, plus_words(base, words), reg);
}

/* The stack pointer goes up from frame to frame, but a signal may have come from another stack. */
static bool enter_caller(struct walk *walk, const struct unwind_rule *rule, uintptr_t cfa)
{
    walk->interrupted = rule->is_signal;
    if (rule->is_signal && (cfa < walk->bounds.low || cfa >= walk->bounds.high))
        return unwind_bounds_of_interrupted(cfa, &walk->bounds);
    return cfa > walk->at.sp && cfa <= walk->bounds.high;
}

/* Word by word: a copy of the whole struct would wait for the single stores before it. */
static enum step step_by_rule(struct walk *walk, const struct unwind_rule *rule)
{
    uintptr_t pc = 0, fp = walk->at.fp, bx = walk->at.bx;
    uintptr_t cfa;

    if (rule->is_end)
        return STEP_END;
    if (!find_cfa(walk, rule, &cfa) || !read_place(walk, rule->ra_place, rule->ra_words, cfa, &pc) ||
        !read_place(walk, rule->fp_place, rule->fp_words, cfa, &fp) ||
        !read_place(walk, rule->bx_place, rule->bx_words, cfa, &bx) ||
        !enter_caller(walk, rule, cfa))
        return STEP_LOST;
    walk->at.pc = pc;
    walk->at.sp = cfa;
    walk->at.fp = fp;
    walk->at.bx = bx;
    return pc == 0 ? STEP_END : STEP_ON;
}

/* ---- frames without tables ------------------------------------------------------------------- */

static uintptr_t without_signature(uintptr_t pc)
{
#if defined(__aarch64__)
    return pc & (((uintptr_t)1 << 48) - 1); /* pointer authentication lives above the address */
#else
    return pc;
#endif
}

static bool follow_link(struct walk *walk)
{
    uintptr_t fp = walk->at.fp;
    uintptr_t next, pc;

    if (fp < walk->at.sp || !read_word(&walk->bounds, fp, &next) ||
        !read_word(&walk->bounds, fp + WORD_BYTES, &pc))
        return false;
    walk->at.sp = fp + 2 * WORD_BYTES;
    walk->at.fp = next;
    walk->at.pc = without_signature(pc);
    walk->interrupted = false;
    return true;
}

/* Code of a known file; with tables on x86_64, where any register may be mistaken for rbp. */
static bool is_known_code(struct walk *walk, uintptr_t pc)
{
    struct unwind_rule rule;

    return UNWIND_BY_TABLES ? rule_at(walk, pc, &rule) : seen_image(walk, pc) != NULL;
}

/*
 * Code that no table explains, made at run time: its frame pointers are believed only if they
 * lead back to known code. Returns the number of links up to there, 0 when they do not.
 */
static ATTR_COLD unsigned count_links(const struct walk *walk)
{
    struct walk trial = *walk;

    for (unsigned links = 1; links <= LINKS_MAX; links++) {
        if (!follow_link(&trial))
            return 0;
        if (is_known_code(&trial, trial.at.pc - 1))
            return links;
    }
    return 0;
}

static enum step step(struct walk *walk)
{
    struct unwind_rule rule;

    if (walk->links == 0 && rule_at(walk, walk->at.pc - !walk->interrupted, &rule))
        return step_by_rule(walk, &rule);
    if (!UNWIND_BY_TABLES && walk->at.fp == 0)
        return STEP_END;
    if (walk->links == 0)
        walk->links = count_links(walk);
    if (walk->links == 0)
        return STEP_LOST;
    walk->links--;
    return follow_link(walk) ? STEP_ON : STEP_LOST;
}

/* ---- the stack ------------------------------------------------------------------------------ */

static bool is_own(uintptr_t pc)
{
    return pc >= own.start && pc < own.end;
}

#if UNWIND_SUPPORTED
size_t unwind_stack_from(const struct unwind_registers *from, uintptr_t *pcs, size_t max, bool *truncated)
{
    struct walk walk;
    enum step outcome;
    size_t count = 0;

    walk.interrupted = true; /* the pc here is that of an instruction, not behind a call */
    walk.links = 0;
    walk.seen_count = 0;
    walk.at.pc = from->pc;
    walk.at.sp = from->sp;
    walk.at.fp = from->fp;
    walk.at.bx = from->bx;
    unwind_bounds_at(walk.at.sp, &walk.bounds);
    while ((outcome = step(&walk)) == STEP_ON) {
        if (is_own(walk.at.pc))
            continue;
        if (count == max)
            break;
        pcs[count++] = walk.at.pc + walk.interrupted;
    }
    *truncated = outcome != STEP_END;
    return count;
}

ATTR_NOINLINE size_t unwind_stack(uintptr_t *pcs, size_t max, bool *truncated)
{
    struct unwind_registers here;

    unwind_registers_here(&here);
    return unwind_stack_from(&here, pcs, max, truncated);
}
#else
size_t unwind_stack_from(const struct unwind_registers *from, uintptr_t *pcs, size_t max, bool *truncated)
{
    (void)from;
    (void)pcs;
    (void)max;
    *truncated = true;
    return 0;
}

size_t unwind_stack(uintptr_t *pcs, size_t max, bool *truncated)
{
    return unwind_stack_from(NULL, pcs, max, truncated);
}
#endif
