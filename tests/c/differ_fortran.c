/* SPDX-License-Identifier: MIT */
/*
 * The entry points of libfpvm3 as steps of a script, called as gfortran would: all arguments are
 * pointers, and the lengths of CHARACTER arguments follow, by value.
 *
 * A number becomes the address of an INTEGER that holds it, a text a CHARACTER argument. Results
 * are in the arguments `out`, the last of which is the value of the step. A function is named by
 * a number: see `procedures`.
 */
#include <string.h>

#include "differ.h"

typedef void entry(void);
typedef void sixteen(void *, void *, void *, void *, void *, void *, void *, void *, void *, void *,
	void *, void *, void *, void *, void *, void *);

extern entry pvmsum_, pvmmax_, pvmmin_, pvmproduct_;

static entry *const procedures[] = { pvmsum_, pvmmax_, pvmmin_, pvmproduct_ };

/* The result of a call, which is its last argument; it is not reported as a change besides. */
static int result_of(const struct step *s)
{
	const struct argument *last = s->count ? &s->argument[s->count - 1] : NULL;

	if (!last || !last->is_area)
		return 0;
	memcpy(last->before + AREA / 2, last->pointer, sizeof(int));
	return *(int *)last->pointer;
}

/* Call an entry point; a procedure is its first argument if `takes_procedure`. */
static int call_entry(entry *function, const struct step *s, int takes_procedure)
{
	static int integers[WORDS_MAX];
	void *p[2 * WORDS_MAX] = { NULL };
	int count = s->count;

	for (int i = 0; i < s->count; i++) {
		integers[i] = N(i);
		p[i] = s->argument[i].is_area ? P(i) : &integers[i];
		if (s->argument[i].length >= 0)
			p[count++] = (void *)(long)s->argument[i].length;
	}
	if (takes_procedure)
		p[0] = (void *)procedures[N(0) & 3];
	((sixteen *)function)(p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9], p[10],
		p[11], p[12], p[13], p[14], p[15]);
	return result_of(s);
}

#define ENTRY(name, kind) \
	extern entry name##_; \
	CALL(name, kind, call_entry(name##_, s, 0))

ENTRY(pvmfaddhost, PLAIN)
ENTRY(pvmfarchcode, PLAIN)
ENTRY(pvmfbarrier, PLAIN)
ENTRY(pvmfbcast, PLAIN)
ENTRY(pvmfbufinfo, PLAIN)
ENTRY(pvmfcatchout, PLAIN)
ENTRY(pvmfconfig, PLAIN)
ENTRY(pvmfdelhost, PLAIN)
ENTRY(pvmfdelinfo, PLAIN)
ENTRY(pvmfdelmhf, PLAIN)
ENTRY(pvmfexit, PLAIN)
ENTRY(pvmffreebuf, PLAIN)
ENTRY(pvmffreecontext, PLAIN)
ENTRY(pvmffreezegroup, PLAIN)
ENTRY(pvmfgather, PLAIN)
ENTRY(pvmfgetcontext, CONTEXT)
ENTRY(pvmfgetmboxinfo, PLAIN)
ENTRY(pvmfgetinst, PLAIN)
ENTRY(pvmfgetopt, PLAIN)
ENTRY(pvmfgetrbuf, BUFFER)
ENTRY(pvmfgetsbuf, BUFFER)
ENTRY(pvmfgettid, PLAIN)
ENTRY(pvmfgsize, PLAIN)
ENTRY(pvmfhalt, PLAIN)
ENTRY(pvmfhostsync, PLAIN)
ENTRY(pvmfinitsend, BUFFER)
ENTRY(pvmfjoingroup, PLAIN)
ENTRY(pvmfkill, PLAIN)
ENTRY(pvmflvgroup, PLAIN)
ENTRY(pvmfmcast, PLAIN)
ENTRY(pvmfmkbuf, BUFFER)
ENTRY(pvmfmstat, PLAIN)
ENTRY(pvmfmytid, PLAIN)
ENTRY(pvmfnewcontext, CONTEXT)
ENTRY(pvmfnotify, PLAIN)
ENTRY(pvmfnrecv, BUFFER)
ENTRY(pvmfpack, PLAIN)
ENTRY(pvmfparent, PLAIN)
ENTRY(pvmfperror, PLAIN)
ENTRY(pvmfprecv, PLAIN)
ENTRY(pvmfprobe, BUFFER)
ENTRY(pvmfpsend, PLAIN)
ENTRY(pvmfpstat, PLAIN)
ENTRY(pvmfputinfo, PLAIN)
ENTRY(pvmfrecv, BUFFER)
ENTRY(pvmfrecvinfo, BUFFER)
ENTRY(pvmfscatter, PLAIN)
ENTRY(pvmfsend, PLAIN)
ENTRY(pvmfsendsig, PLAIN)
ENTRY(pvmfsetcontext, CONTEXT)
ENTRY(pvmfsetopt, PLAIN)
ENTRY(pvmfsetrbuf, BUFFER)
ENTRY(pvmfsetsbuf, BUFFER)
ENTRY(pvmfsiblings, PLAIN)
ENTRY(pvmfspawn, PLAIN)
ENTRY(pvmfstartpvmd, PLAIN)
ENTRY(pvmftasks, PLAIN)
ENTRY(pvmftidtohost, PLAIN)
ENTRY(pvmftrecv, BUFFER)
ENTRY(pvmfunpack, PLAIN)

extern entry pvmfreduce_;
void pvmfaddmhf_(int *source, int *tag, int *context, int *unused, void (*run)(int *), void *id);

CALL(pvmfreduce, PLAIN, call_entry(pvmfreduce_, s, 1))

static void handler(int *message)
{
	differ_run_handler(0, *message);
}

/* pvmfaddmhf SOURCE TAG CONTEXT ID; the handler runs the steps kept under 0. */
static int addmhf(const struct step *s)
{
	int source = N(0), tag = N(1), context = N(2), unused = 0;

	pvmfaddmhf_(&source, &tag, &context, &unused, handler, P(3));
	return result_of(s);
}

CALL(pvmfaddmhf, PLAIN, addmhf(s))
