/* SPDX-License-Identifier: MIT */
/* Where libleakagent.so is, and the value of LD_PRELOAD that loads it. */
#ifndef LEAKD_CTL_AGENTLIB_H
#define LEAKD_CTL_AGENTLIB_H

#include <limits.h>
#include <stddef.h>

/* LEAKD_AGENT, else next to leakctl (a build tree), else the installed one. 0 and its path; else a
 * negative errno, the path looked at last, and in why what is wrong with it. */
int agentlib_find(char path[PATH_MAX], const char **why);

/* Ours first, but behind a sanitizer's library, which refuses to be second. existing may be NULL.
 * 0, or -ENAMETOOLONG. */
int agentlib_preload(const char *path, const char *existing, char *out, size_t size);

#endif
