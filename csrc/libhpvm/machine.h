/* SPDX-License-Identifier: MIT */
/* The virtual machine that a hosts file describes: starting it, or completing the one there is. */
#ifndef HPVM_MACHINE_H
#define HPVM_MACHINE_H

#include "hosts.h"

/*
 * Make the hosts of the file the hosts of the machine, as far as they can be; `hosts` has been
 * through hpvm_hosts_place. The caller becomes a task. A machine that runs already is completed;
 * else one is started whose master is this machine, at the callback's address.
 *
 * Each host's `daemon` is filled in. For a host that cannot be added `say` is called with a line of
 * text; NULL: silence.
 *
 * 1 if a machine was started, 0 if one was there; a negative code of PVM if there is none.
 */
int hpvm_machine_complete(struct hpvm_hosts *hosts, void (*say)(const char *line));

#endif
