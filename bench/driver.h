/* SPDX-License-Identifier: MIT */
/* What the files of the driver share. */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include "common.h"

extern double seconds; /* to measure for */

/* Start `n` peers and wait until each has said hello. */
void start_peers(char **args, int n, int *tids);
/* End them, and wait until they have ended. */
void stop_peers(int *tids, int n);

/* ---- several.c: figures as they are printed --------------------------------------- */

double measure_ring(int tasks);
double measure_multicast(int bytes, int tasks);
double measure_waiting(void);
double measure_linked(int tasks);
double measure_idle(int tasks);

/* ---- moves.c ---------------------------------------------------------------------- */

/*
 * Seconds that a move takes: the median of moves to and fro, one at least.
 *
 * bytes  of the task's data; there: the host where it begins. Returns -1 if tasks cannot move.
 */
double measure_move(int bytes, const char *there);

/* ---- checkpoints.c ----------------------------------------------------------------- */

/*
 * Seconds for which one of n tasks with so many bytes does not answer while all are written to disk
 * as of one moment; seconds until such tasks answer that are started from there. -1: they cannot.
 */
double measure_pause(int n, int bytes);
double measure_restart(int n, int bytes);
/*
 * A task of so many bytes is written to disk, changes some thousandths of them, and is written again:
 * the size of the second image by that of the first; paused: the seconds without an answer.
 */
double measure_increment(int bytes, int permille, int paused);

#endif
