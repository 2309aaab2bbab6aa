/* SPDX-License-Identifier: MIT */
/* What can be seen of a process from inside: threads, descriptors below 256, signals, limits, the
 * children's LD_PRELOAD. The same with and without an agent. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Through a volatile: compilers leave out a malloc whose block goes nowhere but to free. */
static void churn(size_t size)
{
    void *volatile block = malloc(size);

    free(block);
}

static int count_entries(const char *path, int below)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int count = 0;

    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] != '.' && atoi(entry->d_name) < below;
    if (dir)
        closedir(dir);
    return count;
}

static void print_signals(void)
{
    sigset_t blocked;

    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int number = 1; number < 65; number++) {
        struct sigaction action = {0};

        sigaction(number, NULL, &action);
        putchar(action.sa_handler == SIG_DFL ? '-' : action.sa_handler == SIG_IGN ? 'i' : 'h');
        putchar(sigismember(&blocked, number) == 1 ? 'b' : '.');
    }
    putchar('\n');
}

int main(void)
{
    struct timespec pause = {.tv_nsec = 1000000};

    for (int i = 0; i < 400; i++) {
        for (int k = 0; k < 1000; k++)
            churn(100);
        nanosleep(&pause, NULL);
    }
    printf("threads %d, descriptors %d\n", count_entries("/proc/self/task", 1 << 30),
           count_entries("/proc/self/fd", 256));
    print_signals();
    errno = 0;
    printf("children %d, errno %d\n", (int)waitpid(-1, NULL, WNOHANG), errno);
    return 0;
}
