/* SPDX-License-Identifier: MIT */
/*
 * The entry points of libfpvm3 as steps of a script, called as gfortran would: all arguments are
 * pointers, and the lengths of CHARACTER arguments follow, by value.
 *
 * A number becomes the address of an INTEGER that holds it, a text a CHARACTER argument. Results
 * are in the arguments `out`. A function is named by a number: see `procedures`.
 */
#include <string.h>

#include "differ.h"

typedef void entry(void);
typedef void sixteen(void *, void *, void *, void *, void *, void *, void *, void *, void *, void *,
	void *, void *, void *, void *, void *, void *);

extern entry pvmsum_, pvmmax_, pvmmin_, pvmproduct_;

static entry *const procedures[] = { pvmsum_, pvmmax_, pvmmin_, pvmproduct_ };

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
	return 0;
}

#define ENTRY(name) \
	extern entry name##_; \
	CALL(name, PLAIN, call_entry(name##_, s, 0))

ENTRY(pvmfaddhost)
ENTRY(pvmfarchcode)
ENTRY(pvmfbarrier)
ENTRY(pvmfbcast)
ENTRY(pvmfbufinfo)
ENTRY(pvmfcatchout)
ENTRY(pvmfconfig)
ENTRY(pvmfdelhost)
ENTRY(pvmfdelinfo)
ENTRY(pvmfdelmhf)
ENTRY(pvmfexit)
ENTRY(pvmffreebuf)
ENTRY(pvmffreecontext)
ENTRY(pvmffreezegroup)
ENTRY(pvmfgather)
ENTRY(pvmfgetcontext)
ENTRY(pvmfgetmboxinfo)
ENTRY(pvmfgetinst)
ENTRY(pvmfgetopt)
ENTRY(pvmfgetrbuf)
ENTRY(pvmfgetsbuf)
ENTRY(pvmfgettid)
ENTRY(pvmfgsize)
ENTRY(pvmfhalt)
ENTRY(pvmfhostsync)
ENTRY(pvmfinitsend)
ENTRY(pvmfjoingroup)
ENTRY(pvmfkill)
ENTRY(pvmflvgroup)
ENTRY(pvmfmcast)
ENTRY(pvmfmkbuf)
ENTRY(pvmfmstat)
ENTRY(pvmfmytid)
ENTRY(pvmfnewcontext)
ENTRY(pvmfnotify)
ENTRY(pvmfnrecv)
ENTRY(pvmfpack)
ENTRY(pvmfparent)
ENTRY(pvmfperror)
ENTRY(pvmfprecv)
ENTRY(pvmfprobe)
ENTRY(pvmfpsend)
ENTRY(pvmfpstat)
ENTRY(pvmfputinfo)
ENTRY(pvmfrecv)
ENTRY(pvmfrecvinfo)
ENTRY(pvmfscatter)
ENTRY(pvmfsend)
ENTRY(pvmfsendsig)
ENTRY(pvmfsetcontext)
ENTRY(pvmfsetopt)
ENTRY(pvmfsetrbuf)
ENTRY(pvmfsetsbuf)
ENTRY(pvmfsiblings)
ENTRY(pvmfspawn)
ENTRY(pvmfstartpvmd)
ENTRY(pvmftasks)
ENTRY(pvmftidtohost)
ENTRY(pvmftrecv)
ENTRY(pvmfunpack)

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
	return 0;
}

CALL(pvmfaddmhf, PLAIN, addmhf(s))
