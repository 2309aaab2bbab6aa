/* SPDX-License-Identifier: MIT */
/*
 * A program that closes every descriptor it does not know, opens its own at all numbers up to the
 * limit, and looks whether anybody else has written there.
 * Usage: descriptors range|loop|over. Prints "stray bytes: N".
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LIMIT 1024

/* Through a volatile: compilers leave out a malloc whose block goes nowhere but to free. */
static void churn(size_t size)
{
    void *volatile block = malloc(size);

    free(block);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void allocate_for(double seconds)
{
    for (double end = now() + seconds; now() < end;) {
        for (int i = 0; i < 2000; i++)
            churn(200);
        usleep(1000);
    }
}

int main(int argc, char **argv)
{
    struct rlimit limit = {LIMIT, LIMIT};
    const char *how = argc > 1 ? argv[1] : "range";
    char path[] = "/tmp/leakd-descriptors-XXXXXX";
    int pair[2];
    int file;
    int waiting = 0;
    struct stat st;

    setrlimit(RLIMIT_NOFILE, &limit);
    allocate_for(0.3); /* so that an agent has connected */
    file = mkstemp(path);
    unlink(path);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    dup2(file, 3);
    dup2(pair[0], 4);
    dup2(pair[1], 5);
    if (strcmp(how, "range") == 0)
        syscall(SYS_close_range, 6, ~0u, 0);
    for (int fd = 6; strcmp(how, "loop") == 0 && fd < LIMIT; fd++)
        close(fd);
    for (int fd = 6; fd < LIMIT; fd++)
        dup2(fd % 2 ? 3 : 4, fd);
    allocate_for(1.3); /* a flush a second */
    if (fstat(3, &st) < 0 || ioctl(5, FIONREAD, &waiting) < 0)
        return 2;
    printf("stray bytes: %ld\n", (long)st.st_size + waiting);
    return 0;
}
