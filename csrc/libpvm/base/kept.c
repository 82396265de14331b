/* SPDX-License-Identifier: MIT */
/* What calls would free at their end, and do not if a handler leaves them by a jump. */
#include "base/base.h"

void pvm__keep(void *what, void (*end)(void *))
{
	struct thread *me = &pvm__self;

	if (what && me->nkept < KEPT_MAX)
		me->kept[me->nkept++] = (struct kept){ what, end };
}

void pvm__kept(const void *what)
{
	struct thread *me = &pvm__self;

	if (me->nkept && me->kept[me->nkept - 1].what == what)
		me->nkept--;
}

void pvm__kept_left(void)
{
	struct thread *me = &pvm__self;

	while (me->nkept) {
		struct kept last = me->kept[me->nkept - 1];

		me->nkept--;
		last.end(last.what);
	}
}
