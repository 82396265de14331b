/* SPDX-License-Identifier: MIT */
/* Tasks on their way to a client. */
#ifndef HPVM_GIVE_H
#define HPVM_GIVE_H

#include <stdbool.h>
#include "job.h"

/* Send a client as many tasks as keep its processors busy for some milliseconds, and before them
 * the shares that it does not know. `picky` as in hpvm__job_next. */
void hpvm__give_tasks(struct job *j, int client, bool picky);

#endif
