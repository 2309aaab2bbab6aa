/* SPDX-License-Identifier: MIT */
#include "agent/python/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/core/clock.h"
#include "agent/core/core.h"
#include "agent/python/interp.h"
#include "agent/python/snapshot_child.h"
#include "agent/python/snapshot_walk.h"

#define call(name, ...) syscall(SYS_##name, __VA_ARGS__)

#define STACK_BYTES          (256u << 10) /* of the copy */
#define HELPER_STACK_BYTES   (64u << 10)
#define PATIENCE_MS          30000u /* for a thread that may make the copy */
#define SECONDS_LEAST        5u
#define SECONDS_MOST         120u
#define MINOR_WITH_OWN_LOCKS 12 /* interpreters beside the first may run at the same time */

enum stage {
    IDLE,
    WAITING, /* for a thread that holds the interpreter's lock */
    TAKING,
    TELLING, /* `told` is to be sent */
};

static struct {
    _Atomic enum stage stage;
    uint64_t until_ms;
    struct snapshot_child child;
    struct wire_snapshot_state told;
    _Atomic pid_t left; /* a copy that only we can reap; 0 = none */
} snapshot;

void snapshot_order(const struct wire_snapshot_order *order, const struct core_courier *courier)
{
    struct snapshot_child *child = &snapshot.child;
    enum stage stage = atomic_load(&snapshot.stage);

    if (stage == TAKING || !atomic_compare_exchange_strong(&snapshot.stage, &stage, IDLE))
        return;
    *child = (struct snapshot_child){.courier = courier,
                                     .number = order->number,
                                     .token = order->token,
                                     .memory_bytes = order->memory_bytes,
                                     .seconds = order->seconds};
    if (child->seconds < SECONDS_LEAST)
        child->seconds = SECONDS_LEAST;
    if (child->seconds > SECONDS_MOST)
        child->seconds = SECONDS_MOST;
    for (size_t i = 0; i < order->type_count; i++) {
        const struct wire_str *name = &order->types[i];

        if (name->len > 0 && name->len < sizeof(child->wanted[0]))
            memcpy(child->wanted[child->wanted_count++], name->data, name->len);
    }
    snapshot.until_ms = clock_coarse_ms() + PATIENCE_MS;
    atomic_store(&snapshot.stage, WAITING);
}

bool snapshot_is_due(void)
{
    return atomic_load_explicit(&snapshot.stage, memory_order_relaxed) == WAITING;
}

static void tell(enum wire_snapshot_progress progress, uint64_t pause_ns, const char *reason)
{
    snapshot.told = (struct wire_snapshot_state){.number = snapshot.child.number,
                                                 .token = snapshot.child.token,
                                                 .progress = (uint8_t)progress,
                                                 .pause_ns = pause_ns,
                                                 .reason = {reason, strlen(reason)}};
    atomic_store(&snapshot.stage, TELLING);
}

/* ---- what stands in the way ------------------------------------------------------------------ */

/* A filter may answer the calls of the copy with a kill that takes the program along. */
static bool is_sandboxed(void)
{
    static const char wanted[] = "\nSeccomp:\t";
    char status[4096];
    int fd = (int)call(openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0);
    long len = fd < 0 ? 0 : call(read, fd, status, sizeof(status) - 1);
    const char *at;

    if (fd >= 0)
        call(close, fd);
    if (len <= 0)
        return true; /* not known: no */
    status[len] = '\0';
    at = strstr(status, wanted);
    return at && at[sizeof(wanted) - 1] != '0';
}

static const char *obstacle(const struct interp *interp)
{
    if (interp_is_ending(interp))
        return "the interpreter is ending";
    if (interp->layout.minor >= MINOR_WITH_OWN_LOCKS && !interp_is_single(interp))
        return "several interpreters, which may run at the same time";
    if (is_sandboxed())
        return "the process is in a seccomp sandbox, or /proc is not there";
    return NULL;
}

/* ---- the copy -------------------------------------------------------------------------------- */

struct birth {
    uint8_t *stack_top; /* of the copy */
    long pid;           /* or a negative errno */
};

static long clone_copy(uint8_t *stack_top)
{
    int pid = clone(snapshot_child_main, stack_top, 0, &snapshot.child);

    return pid < 0 ? -errno : pid;
}

/* Shares our memory while we stand still, and is gone when we go on: the copy that it leaves behind
 * has nobody but init for a parent. */
static int helper_main(void *arg)
{
    struct birth *birth = arg;

    birth->pid = clone_copy(birth->stack_top);
    call(exit, 0);
    return 0;
}

/* Orphans of the program come to the program itself: then the copy is its direct child, without a
 * signal at its end, seen by no wait but __WALL's, and reaped by us. */
static bool is_reaper(void)
{
    int is_subreaper = 0;

    call(prctl, PR_GET_CHILD_SUBREAPER, &is_subreaper, 0, 0, 0);
    return is_subreaper || getpid() == 1;
}

static void copy_by_helper(struct birth *birth, uint8_t *helper_top)
{
    int pid = clone(helper_main, helper_top, CLONE_VM | CLONE_VFORK, birth);

    if (pid < 0)
        birth->pid = -errno;
    else
        call(wait4, pid, NULL, __WCLONE, NULL);
}

static long copy(uint8_t *stacks)
{
    struct birth birth = {.stack_top = stacks + STACK_BYTES};
    const uint64_t all = UINT64_MAX;
    uint64_t signals;

    call(rt_sigprocmask, SIG_SETMASK, &all, &signals, sizeof(all));
    if (is_reaper()) {
        birth.pid = clone_copy(birth.stack_top);
        if (birth.pid > 0)
            atomic_store(&snapshot.left, (pid_t)birth.pid);
    } else {
        copy_by_helper(&birth, birth.stack_top + HELPER_STACK_BYTES);
    }
    call(rt_sigprocmask, SIG_SETMASK, &signals, NULL, sizeof(signals));
    return birth.pid;
}

static void copy_and_tell(void)
{
    size_t bytes = STACK_BYTES + HELPER_STACK_BYTES;
    uint8_t *stacks =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    uint64_t start_ns = clock_fine_ns();
    long pid = stacks == MAP_FAILED ? -ENOMEM : copy(stacks);
    uint64_t pause_ns = clock_fine_ns() - start_ns;

    if (stacks != MAP_FAILED)
        munmap(stacks, bytes);
    if (pid > 0)
        tell(WIRE_SNAPSHOT_RUNNING, pause_ns, "");
    else if (pid == -EAGAIN)
        tell(WIRE_SNAPSHOT_REFUSED, pause_ns,
             "no more processes are allowed (pids.max, ulimit -u)");
    else if (pid == -ENOMEM)
        tell(WIRE_SNAPSHOT_REFUSED, pause_ns, "the kernel has no memory for a copy");
    else
        tell(WIRE_SNAPSHOT_REFUSED, pause_ns, "the kernel refuses to make a copy");
}

void snapshot_take(const struct interp *interp, const uint8_t *thread)
{
    enum stage stage = WAITING;
    const char *reason;

    if (walk_obstacle(interp) && clock_coarse_ms() < snapshot.until_ms)
        return; /* the collector will be done in a moment */
    if (!atomic_compare_exchange_strong(&snapshot.stage, &stage, TAKING))
        return;
    reason = walk_obstacle(interp);
    if (!reason)
        reason = obstacle(interp);
    if (reason) {
        tell(WIRE_SNAPSHOT_REFUSED, 0, reason);
        return;
    }
    snapshot.child.interp = interp;
    snapshot.child.thread = thread;
    copy_and_tell();
}

static void reap(void)
{
    pid_t pid = atomic_load(&snapshot.left);

    if (pid != 0 && call(wait4, pid, NULL, __WCLONE | WNOHANG, NULL) != 0)
        atomic_store(&snapshot.left, 0);
}

bool snapshot_state(struct wire_snapshot_state *out)
{
    enum stage stage = WAITING;

    reap();
    if (snapshot_is_due() && clock_coarse_ms() >= snapshot.until_ms &&
        atomic_compare_exchange_strong(&snapshot.stage, &stage, TAKING))
        tell(WIRE_SNAPSHOT_REFUSED, 0, "no thread that runs Python allocated at a safe moment");
    if (atomic_load(&snapshot.stage) != TELLING)
        return false;
    *out = snapshot.told;
    atomic_store(&snapshot.stage, IDLE);
    return true;
}
