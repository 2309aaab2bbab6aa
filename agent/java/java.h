/* SPDX-License-Identifier: MIT */
/*
 * A Java virtual machine (HotSpot) in the process: what the last collection left in its heap, how much of it is
 * mapped, how often was collected. Read from the counters that the machine publishes in its own memory: without a
 * lock or code of the machine's, by system calls that cannot fault. A machine that publishes none, or whose collector's
 * figures mean something else, is left alone.
 */
#ifndef LEAKD_AGENT_JAVA_JAVA_H
#define LEAKD_AGENT_JAVA_JAVA_H

/* From the agent's constructor, behind module_init. From now on a libjvm.so is noticed when code of it
 * allocates, whenever it is loaded; core_heap tells of it, and the hello of its release. */
void java_init(void);

#endif
