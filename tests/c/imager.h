/* SPDX-License-Identifier: MIT */
/*
 * Programs that write images of themselves, with the checkpointer of csrc/libpvm/checkpoint in them
 * or preloaded.
 *
 * IMAGER_PREFIX in the environment has SIGALRM come at a random instant, again and again; its
 * handler writes the image PREFIX0, PREFIX1, ... IMAGER_COUNT (1) of them. A restarted process
 * goes on for some milliseconds. Then it is told to end by SIGUSR1, and so is the first
 * process after its last image.
 *
 * IMAGER_SPAN   the longest time to an image, microseconds (3000)
 * IMAGER_SEED   of the random times (1)
 * IMAGER_HOW    flags of pvm__image_save (0)
 * IMAGER_LEVEL  of x86-64 that the process is said to keep to (0: none)
 * IMAGER_AGAIN  a restarted process writes so many images before it ends (0)
 */
#ifndef PVM3PY_TESTS_IMAGER_H
#define PVM3PY_TESTS_IMAGER_H

#include "checkpoint/checkpoint.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Write an image to a path; what pvm__image_save returns. A reason is printed: the line begins
 * with "refused", and has the reason's number, its words, detail and path.
 */
int imager_save(const char *path, struct image_order *order, struct image_report *report);

/* How often has this process been restarted? */
int imager_restarts(void);

#ifdef __cplusplus
}
#endif

#endif
