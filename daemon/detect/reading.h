/* SPDX-License-Identifier: MIT */
#ifndef LEAKD_DETECT_READING_H
#define LEAKD_DETECT_READING_H

#include <stdbool.h>

#include "daemon/detect/detector.h"

/* The scale of the window that the figures are read from; false while none is full. */
bool reading_scale(const struct detector *detector, unsigned *scale);

#endif
