/* SPDX-License-Identifier: MIT */
/* Where a restarted process begins. */
#ifndef PVM3PY_LIBPVM_CHECKPOINT_MARK_H
#define PVM3PY_LIBPVM_CHECKPOINT_MARK_H

#include "image.h"

/*
 * Note registers and place. Returns NULL; and a second time, in the restarted process, with what
 * the restarter has left. In assembler, and declared to return twice: a compiler that could see
 * into it would keep in registers what these have lost by then.
 */
const struct image_handover *pvm__image_mark(struct image_mark *mark)
	__attribute__((returns_twice));

#endif
