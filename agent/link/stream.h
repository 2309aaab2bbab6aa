/* SPDX-License-Identifier: MIT */
/*
 * The socket, in a process whose descriptors belong to somebody else. The number is compared with
 * the kernel's cookie before every use: if the program has closed it, and perhaps opened its own
 * file there, the stream is lost and not a byte goes out.
 */
#ifndef LEAKD_AGENT_LINK_STREAM_H
#define LEAKD_AGENT_LINK_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
    int fd;
    uint64_t cookie;
};

/* Makes room for the stream in the kernel's table of descriptors. To be called where the process has one
 * thread: with more of them the kernel waits for a grace period before it enlarges the table, which takes
 * the thread that asks some 10 ms. A child that is forked has a table of its own, as large as it needs. */
void stream_reserve(void);

/* Connects to the socket at path if its server is root, this process's user, or the owner of the
 * socket's folder where only root could have made that folder. Does not wait. */
int stream_open(struct stream *stream, const char *path);

/* Closes the descriptor if it is still the stream's; whether it was. */
bool stream_close(struct stream *stream);

/* Bytes sent or received, 0 when there is no room or nothing there, a negative errno when the
 * stream is lost. */
long stream_send(const struct stream *stream, const void *data, size_t len);
long stream_receive(const struct stream *stream, void *data, size_t len);

/* Waits until something can be sent, at most so long (< 1 s). False: nothing can. */
bool stream_wait_writable(const struct stream *stream, int timeout_ms);

#endif
