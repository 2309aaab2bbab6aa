/* SPDX-License-Identifier: MIT */
/* Asks for the loader's last error some time after it was made: it must still be the program's. With the
 * path of a library, which is loaded first: tells a mark meanwhile instead of allocating. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

extern void leakd_mark(const char *text) __attribute__((weak));

/* Through a volatile: compilers leave out a malloc whose block goes nowhere but to free. */
static void churn(size_t size)
{
    void *volatile block = malloc(size);

    free(block);
}

static void show(const char *when)
{
    const char *error = dlerror();

    printf("%s: %s\n", when, error ? error : "none");
}

static void work(int is_teller)
{
    if (is_teller && leakd_mark)
        leakd_mark("half way");
    for (int i = 0; !is_teller && i < 5000; i++)
        churn(1000);
}

int main(int argc, char **argv)
{
    const struct timespec pause = {.tv_sec = 1, .tv_nsec = 200000000};

    if (argc > 1)
        dlopen(argv[1], RTLD_NOW);
    show("at the start");
    for (int i = 0; i < 2; i++) {
        dlopen("/nonexistent/library.so", RTLD_NOW);
        nanosleep(&pause, NULL);
        work(argc > 1);
        show("a second later");
    }
    return 0;
}
