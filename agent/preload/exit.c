/* SPDX-License-Identifier: MIT */
/*
 * The ways in which a program leaves: _exit without destructors, and into a sandbox. A seccomp
 * filter may kill for any system call that it does not list, and cannot be asked. So the agent says
 * good-bye before the filter is there and makes no system call of its own afterwards.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "agent/core/attr.h"
#include "agent/link/link.h"
#include "agent/preload/next.h"
#include "agent/preload/state.h"

/* Declared with all their parameters and not as unistd.h does, so that they are passed on by a
 * jump: caller, stack and registers look to the kernel as they would without us. */
void exit_now(int status) __asm__("_exit");
void exit_now_too(int status) __asm__("_Exit");
long exit_syscall(long number, long a, long b, long c, long d, long e, long f) __asm__("syscall");
int exit_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
    __asm__("prctl");

ATTR_EXPORT void exit_now(int status)
{
    link_exit();
    if (next._exit || preload_begin() > PRELOAD_RESOLVING)
        next._exit(status);
    __builtin_trap();
}

ATTR_EXPORT void exit_now_too(int status)
{
    exit_now(status);
}

/* Nothing has been allocated in this process so far, and the look-up failed. */
static bool is_missing(const void *function)
{
    return unlikely(!function) && preload_begin() <= PRELOAD_RESOLVING;
}

ATTR_EXPORT long exit_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (is_missing((const void *)next.syscall)) {
        errno = ENOSYS;
        return -1;
    }
    /* Probes for what the kernel can do hand in no filter. */
    if (unlikely(number == SYS_seccomp) &&
        (a == SECCOMP_SET_MODE_STRICT || (a == SECCOMP_SET_MODE_FILTER && c != 0)))
        link_silence();
    return next.syscall(number, a, b, c, d, e, f);
}

ATTR_EXPORT int exit_prctl(int option, unsigned long a, unsigned long b, unsigned long c,
                           unsigned long d)
{
    if (is_missing((const void *)next.prctl)) {
        errno = ENOSYS;
        return -1;
    }
    if (unlikely(option == PR_SET_SECCOMP) &&
        (a == SECCOMP_MODE_STRICT || (a == SECCOMP_MODE_FILTER && b != 0)))
        link_silence();
    return next.prctl(option, a, b, c, d);
}
