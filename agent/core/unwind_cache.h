/* SPDX-License-Identifier: MIT */
/*
 * From address to rule, shared by all threads without a lock: an entry is two words, one of them
 * the key mixed with the other, so that a torn read looks like a miss. The key holds what
 * identifies the image, so that another library at the same place does not find the old rules.
 */
#ifndef LEAKD_AGENT_CORE_UNWIND_CACHE_H
#define LEAKD_AGENT_CORE_UNWIND_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/core/eh_frame.h"

bool unwind_cache_get(uint64_t key, struct unwind_rule *out);
void unwind_cache_put(uint64_t key, const struct unwind_rule *rule);

#endif
