/* SPDX-License-Identifier: MIT */
/* Forks beside busy threads; each child allocates and ends by _exit. Usage: forks COUNT. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_bool done;

static void *allocate(void *unused)
{
    (void)unused;
    while (!done) {
        void *volatile blocks[50];

        for (int i = 0; i < 50; i++)
            blocks[i] = malloc((size_t)(i * 37 + 1));
        for (int i = 0; i < 50; i++)
            free(blocks[i]);
    }
    return NULL;
}

static void child(void)
{
    for (int i = 0; i < 100; i++) {
        char *block = malloc((size_t)(i * 100 + 1));

        block[0] = 1;
        if (i % 2)
            free(block);
    }
    _exit(7);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 100;
    pthread_t threads[3];
    int bad = 0;

    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, allocate, NULL);
    for (int i = 0; i < count; i++) {
        pid_t pid = fork();
        int status = 0;

        if (pid == 0)
            child();
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
            WEXITSTATUS(status) != 7)
            bad++;
    }
    done = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    printf("%d children, %d ended badly\n", count, bad);
    return bad != 0;
}
