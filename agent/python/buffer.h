/* SPDX-License-Identifier: MIT */
/*
 * Whose memory a raw buffer is. It holds no object that could be asked, but the function of the
 * interpreter that asked for it stands in its stack: a bytearray's bytes come from there alone.
 */
#ifndef LEAKD_AGENT_PYTHON_BUFFER_H
#define LEAKD_AGENT_PYTHON_BUFFER_H

#include <stdint.h>

/* Where the functions are. Calls dlsym: outside of hooks only. */
void buffer_init(void);

/* The name of the type that owns the blocks of a site, as core_live_set_type takes it (with
 * CORE_TYPE_PART); CORE_TYPE_UNKNOWN when the site does not tell. Flushing thread only. */
uint32_t buffer_owner(uint32_t site_id);

#endif
