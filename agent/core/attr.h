/* SPDX-License-Identifier: MIT */
/* The compiler attributes of the agent, in one place. */
#ifndef LEAKD_AGENT_CORE_ATTR_H
#define LEAKD_AGENT_CORE_ATTR_H

#define ATTR_EXPORT   __attribute__((visibility("default")))
#define ATTR_HIDDEN   __attribute__((visibility("hidden"))) /* reached without the GOT */
#define ATTR_NOINLINE __attribute__((noinline))
#define ATTR_HOT      __attribute__((hot, aligned(64))) /* begins a cache line */
#define ATTR_COLD     __attribute__((cold, noinline))
#define ATTR_TLS      _Thread_local __attribute__((tls_model("initial-exec")))
#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)

#endif
