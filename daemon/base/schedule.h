/* SPDX-License-Identifier: MIT */
/* How the kernel schedules leakd beside the programs it watches. */
#ifndef LEAKD_BASE_SCHEDULE_H
#define LEAKD_BASE_SCHEDULE_H

/*
 * Every program's agent wakes leakd from within a malloc. After this call the calling thread takes
 * nobody's processor away when it wakes: else the program would stand still for as long as leakd reads.
 * What is started from here is scheduled as usual. Where that is forbidden (the unit's filter) nothing
 * happens, and the unit says it.
 */
void schedule_give_way(void);

#endif
