/* SPDX-License-Identifier: MIT */
#include "agent/link/hello.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/core/clock.h"
#include "agent/core/core.h"
#include "agent/core/mapping.h"
#include "agent/core/report.h"

#define TEXT_BYTES 256

static struct {
    uint64_t instance; /* 0 = to be drawn */
    bool forked;
    unsigned described; /* the description that the last hello carried */
    char argv0[TEXT_BYTES];
    char name[TEXT_BYTES];
    char profile[TEXT_BYTES];
    char release[WIRE_MARK_BYTES_MAX + 1];
    uint64_t started_ms;
} hello;

static void keep(char *to, size_t size, const char *from)
{
    size_t len = from ? strnlen(from, size - 1) : 0;

    if (len > 0)
        memcpy(to, from, len);
    to[len] = '\0';
}

void hello_init(void)
{
    keep(hello.argv0, TEXT_BYTES, program_invocation_name);
    keep(hello.name, TEXT_BYTES, getenv("LEAKD_NAME"));
    keep(hello.profile, TEXT_BYTES, getenv("LEAKD_PROFILE"));
    keep(hello.release, sizeof(hello.release), getenv("LEAKD_RELEASE"));
    hello.started_ms = clock_coarse_ms();
}

void hello_renew(bool forked)
{
    hello.instance = 0;
    hello.forked = forked;
}

/* AT_RANDOM would do without a system call, but it is the stack protector's secret. By number: libc's
 * getrandom is a cancellation point, and malloc is none. */
static uint64_t draw_instance(void)
{
    uint64_t drawn = 0;

    if (syscall(SYS_getrandom, &drawn, sizeof(drawn), GRND_NONBLOCK) != sizeof(drawn))
        drawn = clock_fine_ns() * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)getpid() << 32;
    return drawn ? drawn : 1;
}

static uint32_t capabilities(void)
{
    uint32_t caps = WIRE_CAP_ZOOM;

    if (core_runtime())
        caps |= WIRE_CAP_PYTHON;
    if (core_runtime() && core_runtime()->snapshot)
        caps |= WIRE_CAP_SNAPSHOT;
    if (hello.forked)
        caps |= WIRE_CAP_FORKED;
    return caps;
}

static struct wire_str text(const char *data)
{
    return (struct wire_str){data, strlen(data)};
}

static bool put_hello(struct wire_wr *wr)
{
    char exe[TEXT_BYTES];
    ssize_t exe_len = readlink("/proc/self/exe", exe, sizeof(exe));
    struct wire_hello record = {
        .protocol = WIRE_PROTOCOL,
        .pid = (uint32_t)getpid(),
        .parent_pid = (uint32_t)getppid(),
        .sample_period_bytes = core_ordered_period_bytes(),
        .capabilities = capabilities(),
        .method[WIRE_DOMAIN_NATIVE] = (uint8_t)core_native_method(),
        .method[WIRE_DOMAIN_MMAP] = mapping_is_open() ? WIRE_METHOD_EXACT : WIRE_METHOD_NONE,
        .exe = {exe, exe_len > 0 ? (size_t)exe_len : 0},
        .argv0 = text(hello.argv0),
        .name = text(hello.name),
        .profile = text(hello.profile),
        .agent_version = text(LEAKD_VERSION),
    };

    if (hello.instance == 0)
        hello.instance = draw_instance();
    record.instance = hello.instance;
    if (core_runtime())
        record.method[WIRE_DOMAIN_PYTHON] = WIRE_METHOD_EXACT;
    hello.described = core_runtime_description(&record.runtime, &record.reason);
    return wire_put_hello(wr, &record);
}

static bool put_release(struct wire_wr *wr)
{
    uint64_t age_ms = clock_coarse_ms() - hello.started_ms;
    struct wire_mark mark = {
        .time_ms = hello.started_ms,
        .text = text(hello.release),
        .kind = WIRE_MARK_RELEASE,
        .age_ms = age_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)age_ms,
    };

    return !hello.release[0] || wire_put_mark(wr, &mark);
}

bool hello_put(struct wire_wr *wr)
{
    return put_hello(wr) && put_release(wr);
}

bool hello_is_stale(void)
{
    struct wire_str runtime;
    struct wire_str reason;

    return core_runtime_description(&runtime, &reason) != hello.described;
}
