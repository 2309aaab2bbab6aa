/* SPDX-License-Identifier: MIT */
/*
 * Handlers of fork that allocate and free, and children made in all the ways the kernel has.
 * Usage: atforks COUNT. Prints how many children ended well.
 */
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile carried;

static void before(void)
{
    carried = malloc(1000);
}

static void after(void)
{
    free(carried);
    carried = malloc(50);
    free(carried);
}

static void child(void)
{
    for (int i = 0; i < 200; i++) {
        void *volatile block = malloc((size_t)i * 30);

        free(block);
    }
    _exit(7);
}

static pid_t by_clone3(void)
{
    struct clone_args args = {.exit_signal = SIGCHLD};

    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static int in_shared_memory(void *unused)
{
    (void)unused;
    return 7; /* glibc's malloc is not made for a task without a thread of its own */
}

static pid_t by_clone_vm(char *stack_end)
{
    return clone(in_shared_memory, stack_end, CLONE_VM | SIGCHLD, NULL);
}

static int ended_well(pid_t pid)
{
    int status = 0;

    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 7;
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 10;
    char *stack = malloc(65536);
    int well = 0;

    pthread_atfork(before, after, after);
    for (int i = 0; i < count; i++) {
        pid_t pid = i % 3 == 0 ? fork() : i % 3 == 1 ? by_clone3() : by_clone_vm(stack + 65536);

        if (pid == 0)
            child();
        well += ended_well(pid);
    }
    free(stack);
    printf("%d of %d ended well\n", well, count);
    return well != count;
}
