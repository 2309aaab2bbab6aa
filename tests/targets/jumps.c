/* SPDX-License-Identifier: MIT */
/*
 * A SIGALRM handler that jumps out of whatever it has interrupted, or allocates there, except inside
 * libc and the loader, whose malloc would not survive it without an agent either.
 * Usage: jumps jump|alloc COUNT.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile sig_atomic_t armed, jumps_left;
static int is_jumping;
static char *volatile kept[100];
static struct {
    uintptr_t start, end;
} libc_ranges[32];
static int libc_count;

/* Through a volatile: compilers leave out a malloc whose block goes nowhere but to free. */
static void churn(size_t size)
{
    void *volatile block = malloc(size);

    free(block);
}

static void find_libc(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];

    while (maps && fgets(line, sizeof(line), maps) && libc_count < 32) {
        unsigned long start, end;

        if ((strstr(line, "libc.so") || strstr(line, "ld-linux")) &&
            sscanf(line, "%lx-%lx", &start, &end) == 2) {
            libc_ranges[libc_count].start = start;
            libc_ranges[libc_count++].end = end;
        }
    }
    if (maps)
        fclose(maps);
}

static uintptr_t interrupted_at(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#else
    return (uintptr_t)context->uc_mcontext.pc;
#endif
}

static void on_alarm(int number, siginfo_t *info, void *context)
{
    uintptr_t at = interrupted_at(context);

    (void)number;
    (void)info;
    for (int i = 0; i < libc_count; i++) {
        if (at >= libc_ranges[i].start && at < libc_ranges[i].end)
            return;
    }
    if (!armed || jumps_left <= 0)
        return;
    jumps_left--;
    if (is_jumping)
        siglongjmp(back, 1);
    for (int i = 1; i < 10; i++)
        churn((size_t)i * 30);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
    struct itimerval every = {.it_interval.tv_usec = 150, .it_value.tv_usec = 150};
    volatile unsigned turn = 0;


    is_jumping = argc > 1 && strcmp(argv[1], "jump") == 0;
    jumps_left = argc > 2 ? atoi(argv[2]) : 1000;
    find_libc();
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    while (jumps_left > 0) {
        if (sigsetjmp(back, 1) == 0) {
            armed = 1;
            for (int i = 0; i < 1000; i++) {
                unsigned place = turn++ % 100;
                char *old = kept[place];

                kept[place] = NULL; /* first: a jump may lose a block, never free one twice */
                free(old);
                kept[place] = malloc(20 + turn % 700);
            }
        }
        armed = 0;
    }
    memset(&every, 0, sizeof(every));
    setitimer(ITIMER_REAL, &every, NULL);
    for (int i = 0; i < 100000; i++)
        churn(100);
    puts("survived");
    return 0;
}
