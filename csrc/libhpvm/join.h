/* SPDX-License-Identifier: MIT */
/* The machine that the program works on. */
#ifndef HPVM_JOIN_H
#define HPVM_JOIN_H

#include "hosts.h"

/*
 * At the first call find the machine: that of the hosts file, which is completed or started, else
 * the one that runs, or else one of this host alone. What was started ends with the program.
 *
 * HPVM_OK, with the hosts that take part in *hosts, or NULL if all of the machine do; else a code,
 * of which the user has been told.
 */
int hpvm__join(const struct hpvm_hosts **hosts);

#endif
