/* SPDX-License-Identifier: MIT */
/*
 * Only this thread exists, and locks may be held by those that do not: no malloc, no stdio, nothing
 * of libc that could take one. System calls go by number, since other libraries may stand in front
 * of libc's functions.
 */
#include "agent/python/snapshot_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/core/clock.h"
#include "agent/core/core.h"
#include "agent/core/own.h"
#include "agent/python/snapshot_report.h"
#include "agent/python/snapshot_walk.h"

#define call(name, ...) syscall(SYS_##name, __VA_ARGS__)

#define DESCRIPTORS_OLD_MAX 65536 /* closed one by one where the kernel has no close_range */
#define NICENESS            5
#define REPORT_MS           2000 /* of its time the copy leaves so much for telling */
#define SIGNALS             64
#define SIGNAL_STACK_BYTES  65536

static struct report report;
static struct snapshot_shared *shared; /* NULL: there is none */
static bool is_fault_told;
static uint32_t serial;

static void end(int status) __attribute__((noreturn));
static void end(int status)
{
    if (shared)
        atomic_store(&shared->ended, serial);
    for (;;)
        call(exit_group, status);
}

/* ---- apart from the program ------------------------------------------------------------------ */

/* As the kernel takes it; libc's sigaction refuses the signals that libc keeps. */
struct kernel_action {
    void (*handler)(int number);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

/* The kernel of x86-64 wants somewhere to return to from a handler. Ours does not return. */
#define FLAG_RESTORER 0x04000000ul

static void never(void)
{
    end(1);
}

static void on_fault(int number)
{
    static const char *const words[] = {[SIGSEGV] = "a bad pointer in the heap (SIGSEGV)",
                                        [SIGBUS] = "a bad pointer in the heap (SIGBUS)",
                                        [SIGFPE] = "SIGFPE in a type's traverse function",
                                        [SIGILL] = "SIGILL in a type's traverse function",
                                        [SIGABRT] = "a type's traverse function called abort()"};

    if (is_fault_told || !shared)
        report_failure(&report, words[number] ? words[number] : "a signal");
    else
        atomic_store(&shared->stumbled, serial);
    end(1);
}

/* The program's handlers must not run here: they would write to its pipes and logs. */
static void forget_handlers(void)
{
    struct kernel_action action = {.handler = SIG_DFL};

    for (int number = 1; number <= SIGNALS; number++)
        call(rt_sigaction, number, &action, NULL, sizeof(action.mask));
}

static void watch_faults(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    static uint8_t stack_bytes[SIGNAL_STACK_BYTES];
    stack_t stack = {.ss_sp = stack_bytes, .ss_size = sizeof(stack_bytes)};
    struct kernel_action action = {
        .handler = on_fault, .flags = SA_ONSTACK | FLAG_RESTORER, .restorer = never};
    const uint64_t none = 0;

    call(sigaltstack, &stack, NULL);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        call(rt_sigaction, faults[i], &action, NULL, sizeof(action.mask));
    call(rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

/* A pipe or connection that the program closes must be closed. */
static void close_descriptors(void)
{
    if (call(close_range, 0, ~0u, 0) == 0)
        return;
    for (int fd = 0; fd < DESCRIPTORS_OLD_MAX; fd++)
        call(close, fd);
}

/* ---- modest ---------------------------------------------------------------------------------- */

static void die_first(void)
{
    int fd = (int)call(openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);

    if (fd < 0)
        return;
    call(write, fd, "1000", 4);
    call(close, fd);
}

static void bound(uint32_t seconds)
{
    const struct rlimit cpu = {.rlim_cur = seconds, .rlim_max = seconds};
    const struct itimerval wall = {.it_value = {.tv_sec = seconds}};

    call(prlimit64, 0, RLIMIT_CPU, &cpu, NULL);
    call(setitimer, ITIMER_REAL, &wall, NULL); /* SIGALRM: also when it hangs in a lock */
    call(setpriority, PRIO_PROCESS, 0, NICENESS);
    call(prctl, PR_SET_NAME, "leakd-snapshot", 0, 0, 0);
    call(prctl, PR_SET_DUMPABLE, 0, 0, 0, 0); /* no core of a program that has not crashed */
}

/* ---- the work -------------------------------------------------------------------------------- */

static struct walk *prepare(const struct snapshot_child *child)
{
    struct walk *walk = own_map(sizeof(*walk), 0);

    if (!walk || child->memory_bytes < sizeof(*walk) ||
        !heap_init(&walk->heap, child->memory_bytes - sizeof(*walk)))
        return NULL;
    walk->interp = child->interp;
    walk->thread = child->thread;
    walk->deadline_ns =
        report.started_ns + (child->seconds * UINT64_C(1000) - REPORT_MS) * UINT64_C(1000000);
    walk->wanted_count = child->wanted_count;
    memcpy(walk->wanted, child->wanted, sizeof(walk->wanted));
    return walk;
}

int snapshot_child_main(void *arg)
{
    const struct snapshot_child *child = arg;
    struct walk *walk;

    shared = child->shared;
    is_fault_told = child->is_last_try;
    serial = child->serial;
    forget_handlers();
    close_descriptors();
    die_first();
    bound(child->seconds);
    report = (struct report){.courier = child->courier,
                             .number = child->number,
                             .token = child->token,
                             .started_ns = clock_fine_ns()};
    if (!child->courier->open())
        end(1);
    watch_faults();
    walk = prepare(child);
    if (!walk) {
        report_failure(&report, "no memory for the walk");
        end(1);
    }
    walk_all(walk);
    is_fault_told = true; /* some of it has been told already */
    end(report_all(&report, walk) ? 0 : 1);
}
