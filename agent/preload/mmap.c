/* SPDX-License-Identifier: MIT */
/*
 * mmap, munmap and mremap as the program calls them. glibc's own maps (malloc's, stacks, the
 * loader's) do not come here. A range that is unmapped may be another thread's at once: it leaves
 * the books before, and is gone or stays afterwards.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "agent/core/attr.h"
#include "agent/core/core.h"
#include "agent/core/mapping.h"
#include "agent/preload/next.h"
#include "agent/preload/raw.h"
#include "agent/preload/slow.h"

/* Declared with all their parameters and not as sys/mman.h does, so that they are passed on as they
 * came. What of `to` is nobody's is not looked at. */
void *map_pages(void *addr, size_t len, int prot, int flags, int fd, off_t offset) __asm__("mmap");
void *map_pages_too(void *addr, size_t len, int prot, int flags, int fd,
                    off_t offset) __asm__("mmap64");
int unmap_pages(void *addr, size_t len) __asm__("munmap");
void *remap_pages(void *old, size_t old_len, size_t new_len, int flags, void *to) __asm__("mremap");

/* ---- before the next functions are known ---------------------------------------------------- */

/*
 * NULL until the loader has relocated this library. A resolver of an indirect function in another
 * library may call us before that: errno cannot be reached then, and what failed tells only that it
 * did. libc, which we need, is relocated before us. Volatile: to the compiler it is never NULL.
 */
static int *(*const volatile errno_address)(void) = __errno_location;

/* By number: to look up the next functions is to allocate, and this may be an allocator's
 * beginning. */
static ATTR_COLD long early(long number, long a, long b, long c, long d, long e, long f)
{
    int *(*address)(void) = errno_address;
    long rc = raw_syscall(number, a, b, c, d, e, f);

    if (rc >= 0 || rc <= -4096)
        return rc;
    if (address)
        *address() = (int)-rc;
    return -1;
}

typedef void *map_function(void *addr, size_t len, int prot, int flags, int fd, off_t offset);

/* By the function of the name that was called: who is behind us may have only one of the two. */
static void *next_map(map_function *map, void *addr, size_t len, int prot, int flags, int fd,
                      off_t offset)
{
    if (unlikely(!map))
        return (void *)early(SYS_mmap, (long)addr, (long)len, prot, flags, fd, offset);
    return map(addr, len, prot, flags, fd, offset);
}

static int next_munmap(void *addr, size_t len)
{
    if (unlikely(!next.munmap))
        return (int)early(SYS_munmap, (long)addr, (long)len, 0, 0, 0, 0);
    return next.munmap(addr, len);
}

static void *next_mremap(void *old, size_t old_len, size_t new_len, int flags, void *to)
{
    if (unlikely(!next.mremap))
        return (void *)early(SYS_mremap, (long)old, (long)old_len, (long)new_len, flags, (long)to,
                             0);
    return next.mremap(old, old_len, new_len, flags, to);
}

/* ---- mmap ----------------------------------------------------------------------------------- */

/* Memory, and not a file, a reservation, a stack that the kernel lets grow or pages of a pool
 * apart. */
static bool is_memory(int prot, int flags)
{
    return (flags & MAP_ANONYMOUS) && (prot & PROT_WRITE) &&
           !(flags & (MAP_NORESERVE | MAP_GROWSDOWN | MAP_HUGETLB)) &&
           !core_maps_are_counted_elsewhere();
}

/* Before the program knows of it. What the caller has in errno stays. */
static void note_mapped(void *mapped, size_t len, bool is_counted)
{
    int saved_errno = errno;

    if (is_counted)
        mapping_add((uintptr_t)mapped, len);
    else
        mapping_replace((uintptr_t)mapped, len);
    errno = saved_errno;
    slow_send(); /* who never calls malloc is heard, too */
}

static void end_leaving(const struct mapping_leaving *leaving, bool is_gone)
{
    if (leaving->pages == 0)
        return;
    if (is_gone)
        mapping_gone(leaving);
    else
        mapping_stay(leaving);
    slow_send();
}

static void *map_counted(map_function *map, void *addr, size_t len, int prot, int flags, int fd,
                         off_t offset)
{
    struct mapping_leaving leaving;
    bool replaces = (flags & MAP_FIXED) != 0;
    void *mapped;

    if (replaces)
        mapping_leave(&leaving, (uintptr_t)addr, len);
    mapped = next_map(map, addr, len, prot, flags, fd, offset);
    if (replaces)
        end_leaving(&leaving, mapped != MAP_FAILED);
    if (mapped != MAP_FAILED)
        note_mapped(mapped, len, is_memory(prot, flags));
    return mapped;
}

ATTR_EXPORT void *map_pages(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    if (mapping_is_open())
        return map_counted(next.mmap, addr, len, prot, flags, fd, offset);
    return next_map(next.mmap, addr, len, prot, flags, fd, offset);
}

ATTR_EXPORT void *map_pages_too(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    if (mapping_is_open())
        return map_counted(next.mmap64, addr, len, prot, flags, fd, offset);
    return next_map(next.mmap64, addr, len, prot, flags, fd, offset);
}

/* ---- munmap --------------------------------------------------------------------------------- */

static int unmap_counted(void *addr, size_t len)
{
    struct mapping_leaving leaving;
    int rc;

    mapping_leave(&leaving, (uintptr_t)addr, len);
    rc = next_munmap(addr, len);
    end_leaving(&leaving, rc == 0);
    return rc;
}

ATTR_EXPORT int unmap_pages(void *addr, size_t len)
{
    return mapping_is_open() ? unmap_counted(addr, len) : next_munmap(addr, len);
}

/* ---- mremap --------------------------------------------------------------------------------- */

/* 0 when it is more than there can be. */
static size_t pages_of(size_t len)
{
    return (len + MAPPING_PAGE_BYTES - 1) & ~(size_t)(MAPPING_PAGE_BYTES - 1);
}

struct remap {
    void *old;
    size_t old_len;
    size_t new_len;
    int flags;
    void *to;
};

static void *remap(const struct remap *wish)
{
    return next_mremap(wish->old, wish->old_len, wish->new_len, wish->flags, wish->to);
}

/* The kernel unmaps the end, as by munmap; the rest stays what it is. */
static void *shrink_counted(const struct remap *wish)
{
    const size_t old_bytes = pages_of(wish->old_len), new_bytes = pages_of(wish->new_len);
    struct mapping_leaving leaving;
    void *mapped;

    mapping_leave(&leaving, (uintptr_t)wish->old + new_bytes, old_bytes - new_bytes);
    mapped = remap(wish);
    end_leaving(&leaving, mapped != MAP_FAILED);
    return mapped;
}

/*
 * Grown or moved: what was counted has gone and comes anew, all of it, as by realloc. With
 * MREMAP_DONTUNMAP the old range stays mapped, and so counted. When it fails, what was at a fixed
 * place may be unmapped or not: the kernel does not tell, and the books keep it.
 */
static void *move_counted(const struct remap *wish)
{
    bool is_counted = wish->old_len > 0 && mapping_is_counted((uintptr_t)wish->old);
    struct mapping_leaving from, there;
    void *mapped;

    mapping_leave(&from, (uintptr_t)wish->old, wish->flags & MREMAP_DONTUNMAP ? 0 : wish->old_len);
    mapping_leave(&there, (uintptr_t)wish->to, wish->flags & MREMAP_FIXED ? wish->new_len : 0);
    mapped = remap(wish);
    end_leaving(&from, mapped != MAP_FAILED);
    end_leaving(&there, mapped != MAP_FAILED);
    if (mapped != MAP_FAILED)
        note_mapped(mapped, wish->new_len, is_counted);
    return mapped;
}

ATTR_EXPORT void *remap_pages(void *old, size_t old_len, size_t new_len, int flags, void *to)
{
    const struct remap wish = {old, old_len, new_len, flags, to};

    if (!mapping_is_open() || pages_of(new_len) == 0)
        return remap(&wish);
    if (pages_of(new_len) <= pages_of(old_len) && !(flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)))
        return shrink_counted(&wish);
    return move_counted(&wish);
}
