/* SPDX-License-Identifier: MIT */
/* Signals to the process as a whole, taken by sigwait and by a signalfd, one after the other, while
 * it allocates; they must never go astray. Usage: waits COUNT. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void churn(void)
{
    for (size_t i = 0; i < 2000; i++) {
        void *volatile block = malloc(i % 200);

        free(block);
    }
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 100, taken = 0;
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC);
    for (int i = 0; i < count; i++) {
        struct signalfd_siginfo info;
        int number = 0;

        kill(getpid(), SIGTERM);
        churn();
        if (i % 2)
            taken += sigwait(&set, &number) == 0 && number == SIGTERM;
        else
            taken += read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGTERM;
    }
    printf("%d of %d taken, descriptor %d\n", taken, count, fd);
    return taken != count;
}
