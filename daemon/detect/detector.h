/* SPDX-License-Identifier: MIT */
/* The inside of a detector, here so that others can embed one. Read it through detector_read. */
#ifndef LEAKD_DETECT_DETECTOR_H
#define LEAKD_DETECT_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

struct detect_profile;

struct detector {
    const struct detect_profile *profile;
};

#endif
