/* SPDX-License-Identifier: MIT */
/* Asks for the loader's last error some time after it was made: it must still be the program's. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

int main(void)
{
    const struct timespec pause = {.tv_sec = 1, .tv_nsec = 200000000};

    show("at the start");
    for (int i = 0; i < 2; i++) {
        dlopen("/nonexistent/library.so", RTLD_NOW);
        nanosleep(&pause, NULL);
        for (int k = 0; k < 5000; k++)
            churn(1000);
        show("a second later");
    }
    return 0;
}
