/* SPDX-License-Identifier: MIT */
/* What a task is to do: its first argument. A task without arguments does nothing. */
#ifndef PVM3PY_BENCH_HPVM_H
#define PVM3PY_BENCH_HPVM_H

enum { ROOTS, MILLISECONDS, GET, MERGE };
enum { CHUNK = 10000, CHUNKS = 100, BIG = 64 << 20 };

#endif
