/* SPDX-License-Identifier: MIT */
/* The task's state and its values before anything is set. */
#include "internal.h"

struct task pvm__task = {
	.frag_size = WIRE_FRAG_DEFAULT,
	.route = PvmAllowDirect,
	.auto_err = 1,
	.show_tids = 1,
	.nsiblings = -1,
};
