/* SPDX-License-Identifier: MIT */
/* The program to be run: whether the dynamic loader will load the agent into it. */
#ifndef LEAKD_CTL_TARGET_H
#define LEAKD_CTL_TARGET_H

#include <limits.h>

#define TARGET_STATES(X)                                                                           \
    X(FITS, "")                                                                                    \
    X(NOT_FOUND, "not found")                                                                      \
    X(NOT_EXECUTABLE, "not executable")                                                            \
    X(UNREADABLE, "its file is not readable, so it cannot be told whether it loads the agent")     \
    X(STATIC, "statically linked: nothing can be preloaded into it")                               \
    X(PRIVILEGED, "set-uid, set-gid or with file capabilities: the loader ignores the agent")      \
    X(FOREIGN, "built for another machine than the agent")                                         \
    X(SANITIZED, "built with a sanitizer, which must be loaded first and has its own leak check")  \
    X(NOT_ELF, "neither an ELF program nor a script with #!")

enum target_state {
#define X(name, text) TARGET_##name,
    TARGET_STATES(X)
#undef X
};
const char *target_state_reason(enum target_state state);

struct target {
    enum target_state state;
    char path[PATH_MAX]; /* the program looked at: of a script, its interpreter */
};

/* command as execvp takes it; agent is the path of the library whose machine must be matched. */
void target_check(const char *command, const char *agent, struct target *out);

/* 0 when path is a shared object of this machine's kind; -ENOENT, -EACCES, -ENOEXEC ... */
int target_check_agent(const char *path);

#endif
