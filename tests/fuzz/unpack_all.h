/* SPDX-License-Identifier: MIT */
/*
 * Takes items out of the receive buffer as a byte string tells: every unpack
 * function, with memory of exactly the size that its arguments promise.
 */
#ifndef FUZZ_UNPACK_ALL_H
#define FUZZ_UNPACK_ALL_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "message/message.h"

/* Bytes that say what to do. */
struct plan {
	const uint8_t *at, *end;
};

/* Calls take this process for a task, so that none looks for a daemon; errors are not reported. */
static inline void be_task(void)
{
	pvmmytid = 0x40001;
	pvm__task.option.auto_err = 0;
}

static inline unsigned plan_next(struct plan *p)
{
	return p->at < p->end ? *p->at++ : 0;
}

/* Bytes of one item of each typed unpack function, in the order of unpack_typed. */
static const size_t item_size[] = { 1, sizeof(short), sizeof(short), sizeof(int), sizeof(int),
	sizeof(long), sizeof(long), sizeof(float), sizeof(double), 2 * sizeof(float),
	2 * sizeof(double) };
enum { TYPES = sizeof item_size / sizeof item_size[0] };

static inline int unpack_typed(unsigned type, void *to, int n, int stride)
{
	switch (type) {
	case 0: return pvm_upkbyte(to, n, stride);
	case 1: return pvm_upkshort(to, n, stride);
	case 2: return pvm_upkushort(to, n, stride);
	case 3: return pvm_upkint(to, n, stride);
	case 4: return pvm_upkuint(to, n, stride);
	case 5: return pvm_upklong(to, n, stride);
	case 6: return pvm_upkulong(to, n, stride);
	case 7: return pvm_upkfloat(to, n, stride);
	case 8: return pvm_upkdouble(to, n, stride);
	case 9: return pvm_upkcplx(to, n, stride);
	default: return pvm_upkdcplx(to, n, stride);
	}
}

static inline void unpack_items(struct plan *plan, unsigned type)
{
	int n = (int)plan_next(plan) * (plan_next(plan) & 1 ? 33 : 1);
	int stride = (int)plan_next(plan) % 4;
	size_t items = n ? (size_t)(n - 1) * (size_t)stride + 1 : 0;
	void *to = malloc(items * item_size[type]);

	unpack_typed(type, to, n, stride);
	free(to);
}

static inline void unpack_format(struct plan *plan, int length)
{
	char *text = malloc((size_t)length + 1);
	int i[3], k = 3;
	short h;
	double d;
	float f;
	long l;

	switch (plan_next(plan) % 4) {
	case 0: pvm_unpackf("%d %2d", i, i + 1); break;
	case 1: pvm_unpackf("%*d %hd %lf", k, i, &h, &d); break;
	case 2: pvm_unpackf("%s %f %ld", text, &f, &l); break;
	default: pvm_unpackf("%c %u", text, i); break;
	}
	free(text);
}

/* One step of the plan on the receive buffer, which holds `length` bytes. */
static inline void unpack_step(struct plan *plan, int length)
{
	unsigned what = plan_next(plan) % (TYPES + 5);

	if (what < TYPES) {
		unpack_items(plan, what);
	} else if (what == TYPES) {
		char *text = malloc((size_t)length + 1);

		pvm_upkstr(text);
		free(text);
	} else if (what == TYPES + 1) {
		unpack_format(plan, length);
	} else if (what == TYPES + 2) {
		int inner = pvm_upkmesg();

		if (inner > 0 && plan_next(plan) & 1)
			pvm_freebuf(pvm_setrbuf(inner));
		else if (inner > 0)
			pvm_freebuf(inner);
	} else if (what == TYPES + 3) {
		pvm_setrbuf(pvm_getrbuf());
	} else {
		char *string = NULL;

		if (pvm__task.rbuf && pvm__get_str(pvm__task.rbuf, &string) == 0)
			free(string);
	}
}

/* Follow the plan to its end; the receive buffer is freed. */
static inline void unpack_all(struct plan *plan)
{
	int length = pvm__task.rbuf->total;

	while (plan->at < plan->end)
		unpack_step(plan, length);
	pvm_freebuf(pvm_getrbuf());
}

#endif
