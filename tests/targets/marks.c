/* SPDX-License-Identifier: MIT */
/* Tells marks as a program does that runs with and without an agent. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

extern void leakd_mark(const char *text) __attribute__((weak));
extern void leakd_phase(const char *text) __attribute__((weak));

int main(void)
{
    char longer[500];

    memset(longer, 'x', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    errno = 77;
    if (leakd_mark && leakd_phase) {
        leakd_phase("warm");
        leakd_mark("cache \"filled\"");
        leakd_mark(longer);
        leakd_mark(NULL);
    }
    printf("errno %d\n", errno);
    return 0;
}
