/* SPDX-License-Identifier: MIT */
/* The inside of a detector, here so that others can embed one. Read it through detector_read. */
#ifndef LEAKD_DETECT_DETECTOR_H
#define LEAKD_DETECT_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

struct detect_profile;

#define DETECT_SCALES 13 /* windows of 2 min, 4 min ... 6 days at 1 s sampling */
#define DETECT_BLOCKS 16 /* blocks in a window: enough to test, few enough to keep */
#define DETECT_DAY    48 /* half hours */

/* The newest blocks of one scale and what their line said. Times are base blocks. */
struct detect_ring {
    float min[DETECT_BLOCKS]; /* lower envelope; block n stands at n % DETECT_BLOCKS */
    uint32_t blocks;          /* closed so far */
    float slope;              /* bytes per base block */
    float se;
    float z;         /* of slope / error, the residuals taken for independent */
    float births[2]; /* of the oldest object, half a window ago at least, and since */
    float even;      /* the slowest quarter's growth, of the fastest's; the least of the run */
    uint16_t passes; /* in a row */
    uint16_t fails;  /* in a row */
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

struct detector {
    const struct detect_profile *profile;
    uint64_t start_ms;   /* sample time of block 0 */
    uint64_t last_ms;    /* of the newest sample */
    uint64_t changed_ms; /* when the verdict became this */
    uint64_t since_ms;
    uint32_t step_ms;
    uint32_t block_ms;
    uint32_t open_block; /* the one being filled */
    uint32_t closed;     /* blocks closed, holes included */
    float open_min;
    float level; /* last base block */
    float noise_bytes2;
    float limit_bytes;
    float multiplicity; /* 2 ln M */
    float birth;        /* of the oldest object, in base blocks since the start */
    float rate;         /* bytes per base block, of a standing suspicion or leak */
    float peak_rate;    /* the highest since the alarm */
    uint8_t verdict;
    uint8_t scale; /* that decides; DETECT_SCALES: day against yesterday */
    bool has_sample;
    bool has_ages;
    bool one_life; /* a fall is never taken for a new process */
    bool has_load; /* what grows slowly may follow a load */
    uint32_t born; /* block in which the process began */
    uint32_t resolved_at;
    uint32_t hole_end; /* the first block after the last long hole */
    uint32_t hole_blocks;
    struct detect_climb climb;
    struct detect_day day;
    struct detect_ring rings[DETECT_SCALES];
};

/* Closes a base block of this minimum, after so many that were missed; for a detector that is fed
 * blocks instead of samples. */
void detector_put_block(struct detector *detector, float min, uint32_t missed);

#endif
