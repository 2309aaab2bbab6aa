/* SPDX-License-Identifier: MIT */
/* Allocates for some seconds at many places and sizes, frees all, and prints what is resident, in
 * KiB: in all, and of it private. Usage: resident MILLISECONDS. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ALIVE 10000

static long field_kib(const char *name)
{
    FILE *rollup = fopen("/proc/self/smaps_rollup", "re");
    char line[256], format[64];
    long value, sum = 0;

    snprintf(format, sizeof(format), "%s: %%ld kB", name);
    while (rollup && fgets(line, sizeof(line), rollup))
        sum += sscanf(line, format, &value) == 1 ? value : 0;
    if (rollup)
        fclose(rollup);
    return sum;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 2500;
    struct timespec pause = {.tv_nsec = 1000000};
    static void *alive[ALIVE];
    unsigned state = 1;

    for (long i = 0; i < rounds; i++) {
        for (int k = 0; k < 100; k++) {
            void **place = &alive[(state = state * 1664525u + 1013904223u) % ALIVE];

            free(*place);
            *place = malloc(16 + (state >> 8) % 512);
        }
        nanosleep(&pause, NULL);
    }
    printf("%ld %ld\n", field_kib("Rss"), field_kib("Private_Clean") + field_kib("Private_Dirty"));
    return 0;
}
