/* SPDX-License-Identifier: MIT */
/* The inside of a detector, here so that others can embed one. Read it through detector_read. */
#ifndef LEAKD_DETECT_DETECTOR_H
#define LEAKD_DETECT_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

struct detect_profile;
struct detect_sample;

#define DETECT_SCALES 13 /* windows of 2 min, 4 min ... 6 days at 1 s sampling */
#define DETECT_BLOCKS 16 /* blocks in a window: enough to test, few enough to keep */
#define DETECT_DAY    48 /* half hours */

/* Of base blocks a window is kept, of the others the older half (blocks.h); one more of each, for
 * the newest may be waiting for its pair. Scale after scale, the newest last. */
#define DETECT_KEPT_BASE  (DETECT_BLOCKS + 1)
#define DETECT_KEPT_ABOVE (DETECT_BLOCKS / 2 + 1)
#define DETECT_KEPT       (DETECT_KEPT_BASE + (DETECT_SCALES - 1) * DETECT_KEPT_ABOVE)

struct detect_blocks {
    float min[DETECT_KEPT];       /* lower envelope */
    uint8_t newer[DETECT_SCALES]; /* bit i: the block i back is the newer of its pair */
};

/* The load beside the blocks, and what it explains of them. */
struct detect_load {
    float bytes_per_load;
    float first;                /* load of the first block */
    uint16_t kept[DETECT_KEPT]; /* packed; of the same blocks */
};

/* What the line through a window said. z and even are packed, 0 where they would be less. */
struct detect_ring {
    float slope;   /* bytes per base block */
    uint16_t z;    /* of slope / error, the residuals taken for independent; 0: it is too small */
    uint16_t even; /* the slowest quarter's growth, of the fastest's; the least of the run */
};

/* Half-hour minima against those of the day before. */
struct detect_day {
    float min[DETECT_DAY];
    float open;
    uint32_t slot;  /* half hours since the start */
    uint16_t run;   /* half hours in a row above yesterday */
    uint16_t fails; /* half hours in a row not above */
    float gain_min; /* of the run */
    float gain_max;
};

/* The climb since the last drop, and the longest one that ended by itself. */
struct detect_climb {
    float base;
    float peak;
    uint32_t from;
    uint32_t peak_at;
    uint32_t longest;
};

/* What the tests have found in the blocks, and what was made of it. */
struct detect_found {
    uint64_t changed_ms; /* when the verdict became this */
    uint64_t since_ms;
    float rate;       /* bytes per base block, of a standing suspicion or leak */
    float peak_rate;  /* the highest since the alarm */
    float base;       /* the level where the window began that showed it first; 0 is not known */
    float top;        /* the highest that the windows which show it have ended with since */
    uint16_t passing; /* bit k: the newest window of scale k passed */
    uint8_t verdict;
    uint8_t scale; /* that decides; DETECT_SCALES: day against yesterday */
    uint32_t resolved_at;
    struct detect_climb climb;
    struct detect_ring rings[DETECT_SCALES];
    uint16_t runs[DETECT_SCALES]; /* windows in a row that have all passed, or all failed */
};

struct detector {
    const struct detect_profile *profile;
    const struct detect_load *load; /* while set, blocks are read as they would be at its first */
    uint64_t start_ms;              /* sample time of block 0 */
    uint64_t last_ms;               /* of the newest sample */
    uint32_t step_ms;
    uint32_t block_ms;
    uint32_t open_block; /* the one being filled */
    uint32_t closed;     /* blocks closed, holes included */
    uint32_t blocks;     /* of them those since the process began: a scale k has blocks >> k */
    float open_min;
    float level; /* last base block */
    float noise_bytes2;
    float limit_bytes;
    float multiplicity; /* 2 ln M */
    float birth;        /* of the oldest object, in base blocks since the start */
    bool has_sample;
    bool has_ages;
    bool has_load;     /* what grows slowly may follow a load */
    uint32_t born;     /* block in which the process began */
    uint32_t hole_end; /* the first block after the last long hole */
    uint32_t hole_blocks;
    struct detect_found found;
    struct detect_day day;
    struct detect_blocks kept;
    float births[DETECT_SCALES][2]; /* of the oldest object, in base blocks since the start: half a
                                       window ago at least, and since */
};

/*
 * detector_push in its parts, for who puts the blocks himself. detector_take takes a sample, if it
 * is one; it may close the base block before it, which is then to be put. Blocks that were missed
 * come before it, on the line from the last level. `restarted`: the block is another process's
 * first.
 */
enum detect_taken { DETECT_REFUSED, DETECT_TAKEN, DETECT_CLOSED };

struct detect_closed {
    float min;
    uint32_t missed;
    bool restarted;
};

/* Writes out when it is DETECT_CLOSED. */
enum detect_taken detector_take(struct detector *detector, const struct detect_sample *sample,
                                struct detect_closed *out);

/* Of the i-th of the missed blocks: what lies between the level before and that of the block. */
float detect_closed_at(float from, float to, const struct detect_closed *closed, uint32_t i);

/* A base block has been put into the ladder and closed a block of so many scales: all windows that
 * end with it are tested. */
void detector_test(struct detector *detector, unsigned scales, float min);
/* After the last of the blocks put. */
void detector_decide(struct detector *detector, float level);
/* detector_restart for what was found alone; the blocks are another process's already. */
void detector_restart_found(struct detector *detector);

#endif
