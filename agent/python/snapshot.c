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
#include "agent/core/own.h"
#include "agent/python/interp.h"
#include "agent/python/snapshot_child.h"
#include "agent/python/snapshot_walk.h"

#define call(name, ...) syscall(SYS_##name, __VA_ARGS__)

#define STACK_BYTES        (256u << 10) /* of the copy */
#define HELPER_STACK_BYTES (64u << 10)
#define PATIENCE_MS        30000u /* for a thread that may make the copy */
#define PATIENCE_COPY_MS   5000u  /* for an earlier copy that is ending */
#define COPY_SLACK_MS      15000u /* of a copy that has used up its time, to be gone */
#define TRIES_MAX          4u /* at making a copy in which nothing is amid a change */
#define SECONDS_LEAST      5u
#define SECONDS_MOST       120u

enum stage {
    IDLE,
    WAITING, /* for a thread that holds the interpreter's lock */
    TAKING,
    TELLING, /* `told` is to be sent */
};

static struct {
    _Atomic enum stage stage;
    _Atomic uint64_t until_ms;
    _Atomic pid_t owner; /* who was ordered: a child of a fork inherits all this, and is not meant */
    struct snapshot_child child;
    struct wire_snapshot_state told;
    struct wire_snapshot_state refused; /* an order that came too soon; number 0 = none */
    _Atomic pid_t copy;                 /* that may still be there; 0 = none */
    _Atomic uint32_t copy_serial;       /* of the last copy that was made, whatever has become of it */
    _Atomic uint32_t order_serial;      /* the same if it was made for the last order; else 0 */
    _Atomic bool is_child;              /* it is ours to reap */
    _Atomic uint64_t copy_until_ms;     /* then it is gone, whoever has its number */
    struct snapshot_shared *shared;     /* with the copy; NULL: there is no memory for that */
    unsigned tries;                     /* at the order that is at work */
    uint64_t paused_ns;                 /* in all of them */
} snapshot;

static const char still_there[] = "the copy of an earlier snapshot is still at work";

/* ---- orders ---------------------------------------------------------------------------------- */

static void forget_what_is_inherited(void)
{
    pid_t self = getpid();

    if (atomic_load(&snapshot.owner) == self)
        return;
    atomic_store(&snapshot.stage, IDLE);
    atomic_store(&snapshot.copy, 0);
    atomic_store(&snapshot.order_serial, 0);
    snapshot.refused.number = 0;
    if (snapshot.shared)
        call(munmap, snapshot.shared, sizeof(*snapshot.shared));
    snapshot.shared = NULL; /* it is our parent's */
    atomic_store(&snapshot.owner, self);
}

/* Stays until the process ends, or execs. */
static void map_shared(void)
{
    long at;

    if (!snapshot.shared) {
        at = call(mmap, NULL, sizeof(*snapshot.shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        snapshot.shared = at == -1 ? NULL : (struct snapshot_shared *)(uintptr_t)at;
    }
}

static bool has_stumbled(uint32_t serial)
{
    return serial != 0 && snapshot.shared && atomic_load(&snapshot.shared->stumbled) == serial;
}

static bool has_ended(uint32_t serial)
{
    return snapshot.shared && atomic_load(&snapshot.shared->ended) == serial;
}

static void look_after_copy(void)
{
    pid_t pid = atomic_load(&snapshot.copy);
    bool is_gone;

    if (pid == 0)
        return;
    if (atomic_load(&snapshot.is_child))
        is_gone = call(wait4, pid, NULL, __WCLONE | WNOHANG, NULL) != 0;
    else
        is_gone = has_ended(atomic_load(&snapshot.copy_serial)) ||
                  (call(kill, pid, 0) < 0 && errno == ESRCH) ||
                  clock_coarse_ms() >= atomic_load(&snapshot.copy_until_ms);
    if (is_gone)
        atomic_store(&snapshot.copy, 0);
}

static bool has_copy(void)
{
    return atomic_load(&snapshot.copy) != 0;
}

/* The copy is made where a thread allocates, which may be amid a change of the heap: a list whose items
 * move. Another moment is another heap. Nobody but us leaves IDLE; behind WAITING the next copy may be
 * made at once, and its stumble is not to be wiped out. */
static void try_again(void)
{
    if (atomic_load(&snapshot.stage) != IDLE || has_copy() ||
        !has_stumbled(atomic_load(&snapshot.order_serial)))
        return;
    atomic_store(&snapshot.until_ms, clock_coarse_ms() + PATIENCE_MS);
    atomic_store(&snapshot.shared->stumbled, 0);
    atomic_store(&snapshot.stage, WAITING);
}

static void keep_order(struct snapshot_child *child, const struct wire_snapshot_order *order,
                       const struct core_courier *courier)
{
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
}

void snapshot_order(const struct wire_snapshot_order *order, const struct core_courier *courier)
{
    enum stage stage;

    forget_what_is_inherited();
    look_after_copy();
    stage = atomic_load(&snapshot.stage);
    if (stage == TAKING || stage == TELLING ||
        !atomic_compare_exchange_strong(&snapshot.stage, &stage, IDLE)) {
        snapshot.refused = (struct wire_snapshot_state){
            .number = order->number,
            .token = order->token,
            .progress = WIRE_SNAPSHOT_REFUSED,
            .reason = {still_there, sizeof(still_there) - 1},
        };
        return;
    }
    keep_order(&snapshot.child, order, courier);
    map_shared();
    atomic_store(&snapshot.order_serial, 0); /* a copy of the order before may yet stumble */
    snapshot.tries = 0;
    snapshot.paused_ns = 0;
    atomic_store(&snapshot.until_ms,
                 clock_coarse_ms() + (has_copy() ? PATIENCE_COPY_MS : PATIENCE_MS));
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

/* The digit behind a word in the process's status, 0 when the word is not there, -1 when the file is
 * not. A program of many groups has a long one: it is read in pieces, each behind the last bytes of the
 * one before. */
static int read_status(const char *word, size_t word_len)
{
    char text[4096];
    size_t kept = 0;
    int found = -1;
    int fd = (int)call(openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0);
    long len;

    while (fd >= 0 && found <= 0 &&
           (len = call(read, fd, text + kept, sizeof(text) - 1 - kept)) > 0) {
        size_t end = kept + (size_t)len;
        const char *at;

        text[end] = '\0';
        at = strstr(text, word);
        found = at ? at[word_len] : 0;
        kept = end < word_len ? end : word_len;
        memmove(text, text + end - kept, kept);
    }
    if (fd >= 0)
        call(close, fd);
    return found;
}

static bool is_sandbox_harmless;

void snapshot_allow_in_sandbox(void)
{
    is_sandbox_harmless = true;
}

/* A filter may answer the calls of the copy with a kill that takes the program along, and cannot be
 * asked. Not known is yes; a kernel that does not know the word has no filters. */
static bool is_sandboxed(void)
{
    static const char word[] = "\nSeccomp:\t";
    int mode = is_sandbox_harmless ? 0 : read_status(word, sizeof(word) - 1);

    return mode != 0 && mode != '0';
}

static const char *obstacle(const struct interp *interp)
{
    if (interp_is_ending(interp))
        return "the interpreter is ending";
    if (interp->layout.minor >= INTERP_MINOR_OWN_LOCKS && !interp_is_single(interp))
        return "several interpreters, which may run at the same time";
    if (is_sandboxed())
        return "the process is in a seccomp sandbox, or /proc is not there; start it with "
               "LEAKD_SNAPSHOT_SECCOMP=1 if the filter lets a copy be made, as Docker's does";
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

    atomic_store(&snapshot.copy_until_ms,
                 clock_coarse_ms() + snapshot.child.seconds * UINT64_C(1000) + COPY_SLACK_MS);
    call(rt_sigprocmask, SIG_SETMASK, &all, &signals, sizeof(all));
    atomic_store(&snapshot.is_child, is_reaper());
    if (atomic_load(&snapshot.is_child))
        birth.pid = clone_copy(birth.stack_top);
    else
        copy_by_helper(&birth, birth.stack_top + HELPER_STACK_BYTES);
    if (birth.pid > 0)
        atomic_store(&snapshot.copy, (pid_t)birth.pid);
    call(rt_sigprocmask, SIG_SETMASK, &signals, NULL, sizeof(signals));
    return birth.pid;
}

/* Before there is a copy: it may stumble before we know its number. */
static void number_copy(void)
{
    uint32_t serial = atomic_load(&snapshot.copy_serial) + 1;

    snapshot.child.serial = serial + (serial == 0);
    atomic_store(&snapshot.copy_serial, snapshot.child.serial);
    atomic_store(&snapshot.order_serial, snapshot.child.serial);
}

static void copy_and_tell(void)
{
    size_t bytes = STACK_BYTES + HELPER_STACK_BYTES;
    uint8_t *stacks = own_map(bytes, MAP_STACK);
    uint64_t start_ns = clock_fine_ns();
    long pid = stacks ? copy(stacks) : -ENOMEM;
    uint64_t pause_ns = clock_fine_ns() - start_ns;

    own_unmap(stacks, bytes);
    snapshot.paused_ns += pause_ns;
    if (pid > 0)
        tell(WIRE_SNAPSHOT_RUNNING, snapshot.paused_ns, "");
    else if (pid == -EAGAIN)
        tell(WIRE_SNAPSHOT_REFUSED, pause_ns,
             "no more processes are allowed (pids.max, ulimit -u)");
    else if (pid == -ENOMEM)
        tell(WIRE_SNAPSHOT_REFUSED, pause_ns, "the kernel has no memory for a copy");
    else
        tell(WIRE_SNAPSHOT_REFUSED, pause_ns, "the kernel refuses to make a copy");
}

/* What may be over in a moment. */
static const char *passing_obstacle(const struct interp *interp)
{
    return has_copy() ? still_there : walk_obstacle(interp);
}

void snapshot_take(const struct interp *interp, const uint8_t *thread)
{
    enum stage stage = WAITING;
    const char *reason;

    if (atomic_load(&snapshot.owner) != getpid())
        return; /* a child in whose memory the order of its parent lies */
    if (passing_obstacle(interp) && clock_coarse_ms() < atomic_load(&snapshot.until_ms))
        return;
    if (!atomic_compare_exchange_strong(&snapshot.stage, &stage, TAKING))
        return;
    reason = passing_obstacle(interp);
    if (!reason)
        reason = obstacle(interp);
    if (reason) {
        tell(WIRE_SNAPSHOT_REFUSED, 0, reason);
        return;
    }
    snapshot.child.interp = interp;
    snapshot.child.thread = thread;
    snapshot.child.shared = snapshot.shared;
    snapshot.child.is_last_try = ++snapshot.tries >= TRIES_MAX;
    number_copy();
    copy_and_tell();
}

static void give_up_waiting(void)
{
    enum stage stage = WAITING;

    if (snapshot_is_due() && clock_coarse_ms() >= atomic_load(&snapshot.until_ms) &&
        atomic_compare_exchange_strong(&snapshot.stage, &stage, TAKING))
        tell(WIRE_SNAPSHOT_REFUSED, 0,
             has_copy() ? still_there : "no thread that runs Python allocated at a safe moment");
}

bool snapshot_state(struct wire_snapshot_state *out)
{
    if (atomic_load(&snapshot.stage) == IDLE && !has_copy() && snapshot.refused.number == 0 &&
        !has_stumbled(atomic_load(&snapshot.order_serial)))
        return false;
    forget_what_is_inherited();
    look_after_copy();
    try_again();
    if (snapshot.refused.number != 0) {
        *out = snapshot.refused;
        snapshot.refused.number = 0;
        return true;
    }
    give_up_waiting();
    if (atomic_load(&snapshot.stage) != TELLING)
        return false;
    *out = snapshot.told;
    atomic_store(&snapshot.stage, IDLE);
    return true;
}
