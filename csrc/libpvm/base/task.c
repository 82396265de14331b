/* SPDX-License-Identifier: MIT */
/*
 * The task's state, and the data of it that programs and libgpvm3 import: values before
 * anything is set.
 */
#include "base/base.h"

#define EMPTY_MASK "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"
_Static_assert(sizeof EMPTY_MASK == TEV_MASK_LENGTH, "length of a mask");

int pvmmytid = -1;
int pvmmyctx;
struct Pvmtracer pvmtrc = { .tmask = EMPTY_MASK };
struct Pvmtracer pvmctrc = { .tmask = EMPTY_MASK };
int pvmtoplvl = 1;
int pvm_errno = 0;

struct task pvm__task = {
	.option = { .frag_size = WIRE_FRAG_DEFAULT,
		.route = PvmAllowDirect,
		.auto_err = 1,
		.show_tids = 1 },
	.nsiblings = -1,
};

__thread struct thread pvm__self;
int64_t pvm__clock_ahead;
