/* SPDX-License-Identifier: MIT */
/*
 * Loads the Java virtual machine whose libjvm.so is the argument, late, as programs do that embed it, and ends
 * it. It forks a child before, and one while the machine runs, which allocate and leave.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERSION_1_8 0x00010008

/* Of jni.h, which comes with a compiler for Java only. */
struct option {
    char *text;
    void *extra;
};

struct arguments {
    int32_t version;
    int32_t option_count;
    struct option *options;
    uint8_t ignore_unknown;
};

struct machine {
    const struct {
        void *reserved[3];
        int32_t (*destroy)(struct machine *machine);
    } *calls;
};

typedef int32_t create(struct machine **machine, void **env, struct arguments *arguments);

static void allocate(void)
{
    for (int i = 0; i < 200000; i++) {
        char *volatile block = malloc(64);

        free(block);
    }
}

static void fork_child(const char *name)
{
    int status = -1;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        allocate();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    printf("%s: %d\n", name, status);
}

int main(int argc, char **argv)
{
    struct option options[] = {{.text = (char[]){"-Xmx64m"}}, {.text = (char[]){"-XX:+UseSerialGC"}}};
    struct arguments arguments = {.version = VERSION_1_8, .option_count = 2, .options = options};
    struct machine *machine = NULL;
    void *env = NULL;
    void *handle;
    create *start = NULL;

    fork_child("before");
    allocate();
    handle = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (handle)
        *(void **)&start = dlsym(handle, "JNI_CreateJavaVM");
    if (!start) {
        printf("%s\n", dlerror());
        return 1;
    }
    printf("created: %d\n", start(&machine, &env, &arguments));
    allocate();
    fork_child("with it");
    return machine ? machine->calls->destroy(machine) : 1;
}
