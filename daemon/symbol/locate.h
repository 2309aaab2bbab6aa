/* SPDX-License-Identifier: MIT */
/*
 * Opening files that somebody else names: regular ones only (a device would act on being opened, a
 * FIFO would wait), never written, closed on exec. Below a root other than ours symbolic links are
 * followed inside that root.
 */
#ifndef LEAKD_SYMBOL_LOCATE_H
#define LEAKD_SYMBOL_LOCATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOCATE_OUR_ROOT (-1)

/* The root folder of a process, to be closed; negative errno. */
int locate_root_of(pid_t pid);

/* A descriptor for reading, or a negative errno; -EACCES for what is no regular file. */
int locate_open(int root, const char *path);

/* CRC-32 of the file's bytes from its start, as .gnu_debuglink has it.. */
int locate_crc32(int fd, uint32_t *out);

#endif
