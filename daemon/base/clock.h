/* SPDX-License-Identifier: MIT */
/* The clocks. Monotonic time decides, wall time is only shown. */
#ifndef LEAKD_BASE_CLOCK_H
#define LEAKD_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void); /* CLOCK_BOOTTIME: goes on while the machine sleeps */
uint64_t clock_wall_ms(void); /* milliseconds since 1970, UTC */

#endif
