/* SPDX-License-Identifier: MIT */
#include "daemon/base/schedule.h"

#include <sched.h>

void schedule_give_way(void)
{
    const struct sched_param param = {0};

    (void)sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &param);
}
