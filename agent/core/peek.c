/* SPDX-License-Identifier: MIT */
#include "agent/core/peek.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool peek_plausible(uintptr_t addr)
{
    return addr >= 4096 && addr < (uintptr_t)1 << 47 && addr % sizeof(void *) == 0;
}

static size_t read_pieces(const struct iovec *pieces, size_t count, void *out, size_t len)
{
    struct iovec local = {.iov_base = out, .iov_len = len};
    int saved = errno;
    ssize_t got = process_vm_readv(getpid(), &local, 1, pieces, count, 0);

    errno = saved;
    return got > 0 ? (size_t)got : 0;
}

static size_t read_some(uintptr_t addr, void *out, size_t len)
{
    const struct iovec piece = {.iov_base = (void *)addr, .iov_len = len};

    return read_pieces(&piece, 1, out, len);
}

bool peek_pieces(const struct iovec *pieces, size_t count, void *out, size_t len)
{
    return read_pieces(pieces, count, out, len) == len;
}

bool peek(uintptr_t addr, void *out, size_t len)
{
    return read_some(addr, out, len) == len;
}

uintptr_t peek_word(uintptr_t addr)
{
    uintptr_t word;

    return peek(addr, &word, sizeof(word)) ? word : 0;
}

#define PAGE_BYTES 4096

size_t peek_string(uintptr_t addr, char *out, size_t cap)
{
    size_t used = 0;

    while (used < cap) { /* page by page: the string may end right before an unmapped one */
        size_t want = PAGE_BYTES - (addr + used) % PAGE_BYTES;
        const char *end;
        size_t got;

        if (want > cap - used)
            want = cap - used;
        got = read_some(addr + used, out + used, want);
        if (got == 0)
            return 0;
        end = memchr(out + used, '\0', got);
        if (end)
            return (size_t)(end - out);
        used += got;
    }
    return 0;
}
