/* SPDX-License-Identifier: MIT */
/*
 * The stream to the daemon, driven by the program's own allocations: no thread, one send and one
 * recv a second at most, both MSG_DONTWAIT. A full socket means: skip, count, try next second.
 */
#ifndef LEAKD_AGENT_LINK_LINK_H
#define LEAKD_AGENT_LINK_LINK_H

/* From the constructor: reads the environment (LEAKD_SOCKET, LEAKD_NAME, LEAKD_PROFILE,
 * LEAKD_DELAY_MS), connects later, on the first flush that is due. */
void link_init(void);

/* From a thread's slow path. Flushes if a second has passed and no other thread is at it. */
void link_poll(void);

/* The process seems to be about to end: last totals and BYE now, so that link_exit has nothing left to
 * do. The connection stays, and a process that goes on is heard as before; its next totals take the BYE
 * back. At most once a second. Any thread. */
void link_prepare_exit(void);

/* Last totals and BYE, unless they have just been said, within a few milliseconds or not at all. Nothing
 * is sent afterwards. From the destructor and before _exit. */
void link_exit(void);

/* Before the program closes a sandbox around itself: last totals, BYE, and not another system call
 * of the agent in this process image. */
void link_silence(void);

/* In the child after fork: forgets the connection without touching the parent's. */
void link_forked(void);

#endif
