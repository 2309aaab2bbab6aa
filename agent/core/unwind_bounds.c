/* SPDX-License-Identifier: MIT */
#include "agent/core/unwind_bounds.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>

/* Pages may be larger, but never smaller. */
#define PAGE_BYTES 4096

/* The kernel keeps at least the stack's limit free of mappings below the main stack. Without a
 * limit mappings grow up from far below; deeper stacks than this are not walked then. */
#define MAIN_STACK_BYTES_MAX ((uintptr_t)1 << 30)

/* What is searched of struct pthread when glibc does not tell its size. */
#define PTHREAD_BYTES_MIN 0x700

/*
 * glibc keeps in struct pthread, one behind the other, the start of the stack block, its size and
 * its guard's size. The place differs between versions: it is found by what stands there. In the
 * main thread the block is NULL and the "size" is __libc_stack_end.
 */
struct stack_block {
    uintptr_t start;
    uintptr_t size;
    uintptr_t guard;
};

static struct {
    uintptr_t main_low;
    uintptr_t main_high; /* 0: unknown */
    size_t block_offset; /* of struct stack_block in struct pthread; 0: unknown */
} stacks;

static uintptr_t thread_control_block(void)
{
    return (uintptr_t)pthread_self();
}

static void read_block(size_t offset, struct stack_block *out)
{
    memcpy(out, (const void *)(thread_control_block() + offset), sizeof(*out));
}

static bool block_holds(const struct stack_block *block, uintptr_t addr)
{
    return block->start % PAGE_BYTES == 0 && block->start != 0 && addr > block->start &&
           addr - block->start < block->size;
}

/* True when the words at offset describe the stack that this function runs on. */
static bool looks_like_block(size_t offset, uintptr_t sp, uintptr_t stack_end)
{
    struct stack_block block;

    read_block(offset, &block);
    if (stack_end && sp > stacks.main_low && sp < stack_end)
        return block.start == 0 && block.size == stack_end;
    return block_holds(&block, sp) && block_holds(&block, thread_control_block());
}

static size_t pthread_bytes(void)
{
    const uint32_t *told = dlsym(RTLD_DEFAULT, "_thread_db_sizeof_pthread");

    return told && *told > PTHREAD_BYTES_MIN ? *told : PTHREAD_BYTES_MIN;
}

/* 0 when no place, or more than one, fits. */
static size_t find_block_offset(uintptr_t sp, uintptr_t stack_end)
{
    size_t bytes = pthread_bytes();
    size_t found = 0;

    for (size_t offset = sizeof(uintptr_t); offset + sizeof(struct stack_block) <= bytes;
         offset += sizeof(uintptr_t)) {
        if (!looks_like_block(offset, sp, stack_end))
            continue;
        if (found)
            return 0;
        found = offset;
    }
    return found;
}

static uintptr_t main_stack_bytes(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_STACK, &limit) < 0 || limit.rlim_cur > MAIN_STACK_BYTES_MAX)
        return MAIN_STACK_BYTES_MAX;
    return (uintptr_t)limit.rlim_cur;
}

void unwind_bounds_init(void)
{
    void *const *stack_end = dlsym(RTLD_DEFAULT, "__libc_stack_end");
    uintptr_t sp = (uintptr_t)__builtin_frame_address(0);

    if (stack_end) {
        stacks.main_high = (uintptr_t)*stack_end & ~(uintptr_t)7;
        stacks.main_low = stacks.main_high - main_stack_bytes();
    }
    stacks.block_offset = find_block_offset(sp, stack_end ? (uintptr_t)*stack_end : 0);
}

bool unwind_bounds_of_interrupted(uintptr_t sp, struct stack_bounds *out)
{
    struct stack_block block;

    if (sp > stacks.main_low && sp < stacks.main_high) {
        *out = (struct stack_bounds){.low = sp, .high = stacks.main_high};
        return true;
    }
    if (!stacks.block_offset)
        return false;
    read_block(stacks.block_offset, &block);
    if (!block_holds(&block, sp) || !block_holds(&block, thread_control_block()) ||
        sp - block.start < block.guard || sp >= thread_control_block())
        return false;
    *out = (struct stack_bounds){.low = sp, .high = thread_control_block() & ~(uintptr_t)7};
    return true;
}

void unwind_bounds_at(uintptr_t sp, struct stack_bounds *out)
{
    if (unwind_bounds_of_interrupted(sp, out))
        return;
    out->low = sp;
    out->high = (sp | (PAGE_BYTES - 1)) + 1;
}
