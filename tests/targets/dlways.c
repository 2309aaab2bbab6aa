/* SPDX-License-Identifier: MIT */
/*
 * What the loader answers must not depend on who stands between: a plugin by $ORIGIN, a second
 * libc by dlmopen, RTLD_NEXT and RTLD_DEFAULT, an object opened and closed a thousand times.
 * Usage: dlways PLUGIN [OBJECT]. Prints what it found.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int count_one(struct dl_phdr_info *info, size_t size, void *count)
{
    (void)info;
    (void)size;
    ++*(int *)count;
    return 0;
}

static int count_objects(void)
{
    int count = 0;

    dl_iterate_phdr(count_one, &count);
    return count;
}

static const char *use_second_libc(void)
{
    void *libc = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW | RTLD_LOCAL);
    void *make_symbol = libc ? dlsym(libc, "malloc") : NULL;
    void *drop_symbol = libc ? dlsym(libc, "free") : NULL;
    void *(*make)(size_t);
    void (*drop)(void *);

    if (!make_symbol || !drop_symbol)
        return "refused";
    memcpy(&make, &make_symbol, sizeof(make));
    memcpy(&drop, &drop_symbol, sizeof(drop));
    for (size_t i = 0; i < 1000; i++)
        drop(make(i));
    return make == malloc ? "the same" : "another";
}

int main(int argc, char **argv)
{
    int before = count_objects(), opened = 0;

    for (int i = 0; i < 1000; i++) {
        void *object = dlopen(argv[argc > 2 ? 2 : 1], RTLD_NOW | RTLD_LOCAL);

        opened += object != NULL;
        for (size_t k = 0; k < 20; k++) {
            void *volatile block = malloc(k * 10);

            free(block);
        }
        if (object)
            dlclose(object);
    }
    printf("opened %d times\n", opened);
    printf("libc in its own namespace: %s\n", use_second_libc());
    printf("plugin by $ORIGIN: %s\n", dlopen("$ORIGIN/libplugin.so", RTLD_NOW) ? "there" : dlerror());
    printf("puts: next %d, default %d\n", dlsym(RTLD_NEXT, "puts") != NULL,
           dlsym(RTLD_DEFAULT, "puts") != NULL);
    return before == 0;
}
