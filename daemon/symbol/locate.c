/* SPDX-License-Identifier: MIT */
#include "daemon/symbol/locate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CRC32_REVERSED 0xedb88320u
#define READ_BYTES     65536

int locate_root_of(pid_t pid)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/%ld/root", (long)pid);
    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Names the file without opening it. */
static int open_path(int root, const char *path)
{
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };

    if (root == LOCATE_OUR_ROOT)
        return open(path, O_PATH | O_CLOEXEC);
    return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* Opens what an O_PATH descriptor stands for. */
static int reopen(int path_fd)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

int locate_open(int root, const char *path)
{
    struct stat status;
    int path_fd = open_path(root, path);
    int rc;

    if (path_fd < 0)
        return -errno;
    if (fstat(path_fd, &status) < 0)
        rc = -errno;
    else if (!S_ISREG(status.st_mode))
        rc = -EACCES;
    else
        rc = reopen(path_fd);
    close(path_fd);
    return rc;
}

static uint32_t crc32_step(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = crc & 1 ? crc >> 1 ^ CRC32_REVERSED : crc >> 1;
    return crc;
}

int locate_crc32(int fd, uint32_t *out)
{
    uint32_t table[256], crc = UINT32_MAX;
    uint8_t bytes[READ_BYTES];
    off_t at = 0;
    ssize_t len;

    for (unsigned i = 0; i < 256; i++)
        table[i] = crc32_step(0, (uint8_t)i);
    while ((len = pread(fd, bytes, sizeof(bytes), at)) > 0) {
        for (ssize_t i = 0; i < len; i++)
            crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
        at += len;
    }
    if (len < 0)
        return -errno;
    *out = ~crc;
    return 0;
}
