/* SPDX-License-Identifier: MIT */
#include "agent/link/link.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/core/attr.h"
#include "agent/core/clock.h"
#include "agent/core/own.h"
#include "agent/core/report.h"
#include "agent/core/site.h"
#include "agent/link/courier.h"
#include "agent/link/encode.h"
#include "agent/link/hello.h"
#include "agent/link/order.h"
#include "agent/link/stream.h"

#define SOCKET_PATH_DEFAULT "/run/leakd/agent.sock"
#define DELAY_MS_DEFAULT    200 /* programs that end sooner are never heard of and cost nothing */
#define FLUSH_EVERY_MS      1000
#define FLUSH_MORE_MS       100 /* when one flush did not say everything that changes again and again */
#define FLUSH_NEWS_MS       25  /* the same of what is said once: a start leaves hundreds of sites */
#define TOTALS_LONG_NS      40000
#define RETRY_MS_FIRST      1000
#define RETRY_MS_MAX        8000
/* Who ends waits so long for room in the socket, and so long in all: hundreds of sites that nobody has
 * heard of are worth it, a stuck leakd is not. A socket that was full already is likely to have a reader
 * that is stuck. One that had room for everything until now says little, as the kernel takes what nobody
 * reads; on a busy host its reader waits for his turn. */
#define EXIT_WAIT_STUCK_MS   5
#define EXIT_WAIT_READING_MS 100
#define EXIT_TOTAL_MS        250
#define NEVER         UINT64_MAX

enum link_state {
    LINK_OFF, /* not initialised */
    LINK_APART,
    LINK_CONNECTED,
    LINK_SILENT, /* for good */
};

static struct {
    _Atomic uint64_t due_ms;
    _Atomic bool busy; /* the lock: taken by trying, never waited for on the program's paths */
    _Atomic enum link_state state;
    _Atomic pid_t pid;
    struct stream stream;
    uint64_t retry_at_ms;
    uint64_t retry_ms;
    uint64_t delay_ms;
    uint64_t totals_due_ms; /* a flush before that says only what else is new */
    bool owes_changes;
    bool has_connected;
    uint64_t relax_due_ms;
    _Atomic uint64_t said_last_ms;
    _Atomic bool has_said_last; /* and nothing since that would take it back */
    struct encode_extra extra;
    _Atomic bool wants_room;
    size_t tail_start; /* what a full socket has left in the buffer */
    size_t tail_end;
    char path[128];
} link_ = {.stream.fd = -1};

static uint8_t out_buffer[64 * 1024];

/* A page that the kernel clears in every child that gets a copy of our memory, however it was made:
 * 0 there means that this process has not been looked after yet. */
static _Atomic unsigned *born_here;

/* ---- guards ------------------------------------------------------------------------------- */

/* All signals are held back while the lock is held: a handler could siglongjmp out, or allocate and
 * come back here. 8 bytes: the kernel's set, which knows the two signals that libc keeps. */
static void block_signals(uint64_t *saved)
{
    const uint64_t all = UINT64_MAX;

    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, saved, sizeof(all));
}

static void restore_signals(const uint64_t *saved)
{
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, saved, NULL, sizeof(*saved));
}

static bool try_lock(uint64_t *signals)
{
    block_signals(signals);
    if (!atomic_exchange_explicit(&link_.busy, true, memory_order_acquire))
        return true;
    restore_signals(signals);
    return false;
}

static void unlock(const uint64_t *signals)
{
    atomic_store_explicit(&link_.busy, false, memory_order_release);
    restore_signals(signals);
}

/* For the way out: another thread's flush takes 100 us. */
static bool lock_briefly(uint64_t *signals)
{
    for (int tries = 0; tries < 200; tries++) {
        if (try_lock(signals))
            return true;
        sched_yield();
    }
    return false;
}

/* A vfork child runs in its parent's memory: what it sends would be said for the parent. */
static bool is_own_process(void)
{
    return getpid() == atomic_load(&link_.pid);
}

/* ---- connection --------------------------------------------------------------------------- */

static void lose_connection(uint64_t now_ms)
{
    stream_close(&link_.stream);
    atomic_store(&link_.state, LINK_APART);
    link_.tail_start = link_.tail_end = 0;
    /* A quarter of jitter, so that the agents of a host do not come back in step. */
    link_.retry_at_ms = now_ms + link_.retry_ms + clock_fine_ns() / 1000 % (link_.retry_ms / 4);
    if (link_.retry_ms < RETRY_MS_MAX)
        link_.retry_ms *= 2;
}

static bool connect_now(uint64_t now_ms)
{
    if (now_ms < link_.retry_at_ms)
        return false;
    if (stream_open(&link_.stream, link_.path) < 0) {
        lose_connection(now_ms);
        return false;
    }
    atomic_store(&link_.state, LINK_CONNECTED);
    atomic_store(&link_.has_said_last, false);
    if (link_.has_connected) { /* else all of it is new, and its pages need not be touched now */
        order_start_anew();
        encode_start_anew();
    }
    link_.has_connected = true;
    return true;
}

/* Sends what is left in the buffer; true when it is empty. */
static bool send_tail(uint64_t now_ms)
{
    long sent;

    if (link_.tail_start == link_.tail_end)
        return true;
    sent = stream_send(&link_.stream, out_buffer + link_.tail_start,
                       link_.tail_end - link_.tail_start);
    if (sent < 0) {
        lose_connection(now_ms);
        return false;
    }
    link_.retry_ms = RETRY_MS_FIRST;
    link_.tail_start += (size_t)sent;
    return link_.tail_start == link_.tail_end;
}

/* ---- flush -------------------------------------------------------------------------------- */

static void begin_buffer(struct wire_wr *wr)
{
    wire_wr_init(wr, out_buffer, sizeof(out_buffer));
}

static void end_buffer(const struct wire_wr *wr)
{
    link_.tail_start = 0;
    link_.tail_end = wire_wr_len(wr);
}

static void put_totals(struct wire_wr *wr, uint64_t now_ms)
{
    link_.totals_due_ms = now_ms + FLUSH_MORE_MS;
    atomic_store(&link_.has_said_last, false);
    encode_totals(wr, now_ms, &link_.extra);
    if (hello_is_stale()) /* by what the totals have found out, too */
        hello_put(wr);
}

/* A thread of the program's is held up meanwhile: a round whose totals have taken long, by a look at an
 * interpreter's heap above all, leaves the rest to the next one, which leaves out the totals. */
static void put_due_totals(struct wire_wr *wr, uint64_t now_ms)
{
    const bool is_due = !link_.owes_changes && now_ms >= link_.totals_due_ms;
    uint64_t start_ns;

    link_.owes_changes = false;
    if (!is_due)
        return;
    start_ns = clock_fine_ns();
    put_totals(wr, now_ms);
    link_.owes_changes = clock_fine_ns() - start_ns > TOTALS_LONG_NS;
}

/* Encodes into the empty buffer: what is short and matters most goes first. */
static enum encode_left encode_round(uint64_t now_ms)
{
    struct wire_wr wr;
    enum encode_left left = ENCODE_NEWS_LEFT;

    begin_buffer(&wr);
    put_due_totals(&wr, now_ms);
    if (!link_.owes_changes)
        left = encode_changes(&wr, now_ms);
    end_buffer(&wr);
    return left;
}

/* The same for who ends. bye: with the first of his rounds, NULL with the others. */
static enum encode_left encode_last(uint64_t now_ms, const struct wire_bye *bye)
{
    struct wire_wr wr;
    enum encode_left left;

    begin_buffer(&wr);
    if (bye) {
        put_totals(&wr, now_ms);
        wire_put_bye(&wr, bye);
    }
    left = encode_changes(&wr, now_ms);
    end_buffer(&wr);
    return left;
}

/* The first round of a connection, which has taken its time: what must be said at once. The rest
 * follows a little later. */
static enum encode_left greet(uint64_t now_ms)
{
    struct wire_wr wr;

    if (!connect_now(now_ms))
        return ENCODE_NOTHING_LEFT;
    begin_buffer(&wr);
    hello_put(&wr);
    put_totals(&wr, now_ms);
    end_buffer(&wr);
    return send_tail(now_ms) ? ENCODE_NEWS_LEFT : ENCODE_NOTHING_LEFT;
}

/* Rounds that follow each other closely, as news do, are no reason to sample more. */
static void relax_period(uint64_t now_ms)
{
    if (now_ms < link_.relax_due_ms)
        return;
    link_.relax_due_ms = now_ms + FLUSH_EVERY_MS;
    core_relax_period();
}

/* One round; what is left is what could be sent at once. */
static enum encode_left flush(uint64_t now_ms)
{
    enum encode_left left;

    if (atomic_load(&link_.state) != LINK_CONNECTED)
        return greet(now_ms);
    if (order_receive(&link_.stream, now_ms) < 0) {
        lose_connection(now_ms);
        return ENCODE_NOTHING_LEFT;
    }
    if (now_ms < order_paused_until_ms())
        return ENCODE_NOTHING_LEFT;
    if (!send_tail(now_ms)) {
        link_.extra.skipped_flushes++;
        return ENCODE_NOTHING_LEFT;
    }
    left = encode_round(now_ms); /* tells the period that was in force */
    relax_period(now_ms);
    return send_tail(now_ms) ? left : ENCODE_NOTHING_LEFT;
}

static void timed_flush(uint64_t now_ms)
{
    uint64_t start_ns = clock_fine_ns();
    enum encode_left left = flush(now_ms);

    if (left != ENCODE_NOTHING_LEFT)
        atomic_store(&link_.due_ms, now_ms + (left == ENCODE_NEWS_LEFT ? FLUSH_NEWS_MS
                                                                       : FLUSH_MORE_MS));
    link_.extra.flush_ns_total += clock_fine_ns() - start_ns;
}

static ATTR_COLD void poll_due(uint64_t now_ms)
{
    uint64_t signals;

    if (!is_own_process() || !try_lock(&signals))
        return;
    timed_flush(now_ms);
    unlock(&signals);
}

/* Not in passing: the number is open for a moment, and a signal's handler may jump out of here. */
static void make_room(void)
{
    uint64_t signals;

    if (!link_.wants_room || !is_own_process() || !try_lock(&signals))
        return;
    link_.wants_room = false;
    stream_reserve();
    unlock(&signals);
}

static bool is_new_copy(void)
{
    return born_here && atomic_load_explicit(born_here, memory_order_relaxed) == 0;
}

/* In a child of raw clone, where no handler of ours has run. */
static ATTR_COLD void settle_in(void)
{
    unsigned empty = 0;

    if (!atomic_compare_exchange_strong(born_here, &empty, 1))
        return; /* another thread is at it */
    core_forked();
    link_forked();
}

void link_poll(void)
{
    uint64_t due_ms = atomic_load_explicit(&link_.due_ms, memory_order_relaxed);
    uint64_t now_ms;

    if (due_ms == NEVER || atomic_load_explicit(&link_.state, memory_order_relaxed) == LINK_OFF)
        return;
    if (unlikely(is_new_copy()))
        settle_in();
    if (unlikely(link_.wants_room)) /* a child that lives long enough to allocate */
        make_room();
    now_ms = clock_coarse_ms();
    if (now_ms >= due_ms &&
        atomic_compare_exchange_strong(&link_.due_ms, &due_ms, now_ms + FLUSH_EVERY_MS))
        poll_due(now_ms);
}

/* ---- beginning and end -------------------------------------------------------------------- */

static uint64_t delay_wanted(void)
{
    const char *text = getenv("LEAKD_DELAY_MS");

    return text && text[0] ? strtoul(text, NULL, 10) : DELAY_MS_DEFAULT;
}

static void map_born_here(void)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = own_map(size, 0);

    if (!page)
        return;
    if (madvise(page, size, MADV_WIPEONFORK) < 0) {
        own_unmap(page, size);
        return;
    }
    born_here = page;
    atomic_store(born_here, 1);
}

void link_init(void)
{
    const char *path = getenv("LEAKD_SOCKET");

    if (!path || !path[0])
        path = SOCKET_PATH_DEFAULT;
    if (strlen(path) >= sizeof(link_.path))
        return;
    strcpy(link_.path, path);
    courier_init(link_.path);
    map_born_here();
    hello_init();
    link_.retry_ms = RETRY_MS_FIRST;
    link_.delay_ms = delay_wanted();
    atomic_store(&link_.pid, getpid());
    link_.wants_room = __libc_single_threaded;
    make_room();
    atomic_store(&link_.due_ms, clock_coarse_ms() + link_.delay_ms);
    atomic_store(&link_.state, LINK_APART);
}

void link_forked(void)
{
    enum link_state state = atomic_load(&link_.state);

    if (state == LINK_OFF || state == LINK_SILENT)
        return;
    /* Our copy: the daemon is to see when the parent ends. With it came a table that is large enough. */
    link_.wants_room = !stream_close(&link_.stream);
    link_.owes_changes = false;
    link_.tail_start = link_.tail_end = 0;
    link_.retry_at_ms = 0;
    link_.retry_ms = RETRY_MS_FIRST;
    memset(&link_.extra, 0, sizeof(link_.extra));
    atomic_store(&link_.said_last_ms, 0);
    atomic_store(&link_.has_said_last, false);
    hello_renew(true);
    site_rebase();
    atomic_store(&link_.pid, getpid());
    atomic_store(&link_.state, LINK_APART);
    atomic_store(&link_.due_ms, clock_coarse_ms() + link_.delay_ms);
    atomic_store(&link_.busy, false);
    if (born_here)
        atomic_store(born_here, 1);
    if (!__libc_single_threaded) /* its parent has threads, and it may soon have some, too */
        make_room();
}

static bool wait_for_room(uint64_t patience_ms, uint64_t left_ms)
{
    return stream_wait_writable(&link_.stream, (int)(patience_ms < left_ms ? patience_ms : left_ms));
}

/* The last totals and why there will be no more, in one piece; then what else is still to be said, for
 * as long as the socket takes it. A wait is over when the reader has emptied most of the socket; in vain
 * it was only if there is no room at all, which the next sending tells. */
static void say_last(enum wire_bye_reason reason)
{
    uint64_t now_ms = clock_coarse_ms();
    const uint64_t deadline_ms = now_ms + EXIT_TOTAL_MS;
    const struct wire_bye bye = {.time_ms = now_ms, .reason = (uint8_t)reason};
    const bool has_kept_up = link_.tail_start == link_.tail_end;
    const uint64_t patience_ms = has_kept_up ? EXIT_WAIT_READING_MS : EXIT_WAIT_STUCK_MS;
    bool has_room = true;
    bool is_first = true;
    bool more = true;

    while (atomic_load(&link_.state) == LINK_CONNECTED) {
        const size_t start = link_.tail_start;
        bool is_sent = send_tail(now_ms);

        /* Looked at behind the sending: on a busy host the time may be over when all is written down. */
        if ((is_sent && !more) || now_ms >= deadline_ms || (!has_room && link_.tail_start == start))
            return;
        if (is_sent) {
            more = encode_last(now_ms, is_first ? &bye : NULL) != ENCODE_NOTHING_LEFT;
            is_first = false;
            has_room = true;
        } else if (atomic_load(&link_.state) == LINK_CONNECTED) {
            has_room = wait_for_room(patience_ms, deadline_ms - now_ms);
        }
        now_ms = clock_coarse_ms();
    }
}

/* Whether there is somebody to say it to, and something of our own to say. */
static bool may_say_last(void)
{
    return atomic_load(&link_.state) == LINK_CONNECTED && !is_new_copy() && is_own_process();
}

/* To close the connection takes as long as all the rest: the kernel does it when a process is gone. */
static void end(enum wire_bye_reason reason, bool is_to_close)
{
    uint64_t now_ms;
    uint64_t signals;
    int saved_errno = errno;

    if (may_say_last() && lock_briefly(&signals)) {
        say_last(reason);
        now_ms = clock_coarse_ms();
        atomic_store(&link_.due_ms, now_ms + FLUSH_EVERY_MS);
        atomic_store(&link_.said_last_ms, now_ms);
        atomic_store(&link_.has_said_last, true);
        if (is_to_close)
            stream_close(&link_.stream);
        unlock(&signals);
    }
    errno = saved_errno;
}

/* A program may end one interpreter after the other. */
void link_prepare_exit(void)
{
    if (clock_coarse_ms() >= atomic_load(&link_.said_last_ms) + FLUSH_EVERY_MS)
        end(WIRE_BYE_EXIT, false);
}

/* Destructors that run after ours, for however long, are not heard: they would take the BYE back. */
void link_exit(void)
{
    if (!may_say_last())
        return;
    if (!atomic_load(&link_.has_said_last))
        end(WIRE_BYE_EXIT, false);
    atomic_store(&link_.due_ms, NEVER);
}

/* The sandbox of a vfork child, not of the process whose memory it runs in. */
static bool is_guest(void)
{
    return born_here && !is_new_copy() && !is_own_process();
}

void link_silence(void)
{
    if (is_guest())
        return;
    end(WIRE_BYE_SECCOMP, true);
    atomic_store(&link_.state, LINK_SILENT);
    atomic_store(&link_.due_ms, NEVER);
}
