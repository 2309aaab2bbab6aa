/* SPDX-License-Identifier: MIT */
/*
 * A server that gives up what it can once it runs: another root, another user, no core dumps, and
 * then works on. Usage: jailed FOLDER SECONDS; as root. Prints the state of every task.
 */
#include <dirent.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534

static void allocate_for(long seconds)
{
    struct timespec start, now, pause = {.tv_nsec = 1000000};

    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (size_t i = 0; i < 500; i++) {
            void *volatile block = malloc(i % 300);

            free(block);
        }
        nanosleep(&pause, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < seconds);
}

static void print_tasks(DIR *tasks)
{
    struct dirent *entry;
    int count = 0;

    while ((entry = readdir(tasks)))
        count += entry->d_name[0] != '.';
    printf("%d task, user %d, dumpable %d\n", count, (int)getuid(), prctl(PR_GET_DUMPABLE));
}

int main(int argc, char **argv)
{
    DIR *tasks = opendir("/proc/self/task");

    if (argc < 3 || !tasks)
        return 2;
    allocate_for(1);
    if (chroot(argv[1]) != 0 || chdir("/") != 0 || setgroups(0, NULL) != 0 ||
        setgid(NOBODY) != 0 || setuid(NOBODY) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
        return 3;
    allocate_for(atol(argv[2]));
    print_tasks(tasks);
    closedir(tasks);
    return 0;
}
