/* SPDX-License-Identifier: MIT */
/* The demo's C program: does honest work and calls a library that leaks. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/demo/report.h"

#define ROUNDS_PER_S 20
#define ROWS         12 /* a round: 12 rows of 480 bytes, about 115 KiB/s in all */

/* Work that gives back what it took. */
static void churn(unsigned seed)
{
    char *blocks[64];

    for (unsigned i = 0; i < 64; i++) {
        blocks[i] = malloc(64 + (seed * 31 + i * 131) % 4000);
        if (blocks[i])
            memset(blocks[i], 'x', 64);
    }
    for (unsigned i = 0; i < 64; i++)
        free(blocks[i]);
}

static void write_round(struct report *report, unsigned round)
{
    for (unsigned row = 0; row < ROWS; row++)
        report_add(report, "orders", (long)(round * ROWS + row));
}

int main(void)
{
    const struct timespec pause = {.tv_nsec = 1000000000L / ROUNDS_PER_S};
    struct report *report = report_new();

    if (!report)
        return 1;
    for (unsigned round = 0; nanosleep(&pause, NULL) == 0; round++) {
        churn(round);
        write_round(report, round);
    }
    report_free(report);
    return 0;
}
