/* SPDX-License-Identifier: MIT */
/* Fortran calls for options, contexts, message handlers and the mailbox. */
#include <pthread.h>
#include <stdlib.h>

#include "fortran.h"

ENTRY pvmfgetopt_(int *option, int *value) { *value = pvm_getopt(*option); }
ENTRY pvmfsetopt_(int *option, int *value, int *old) { *old = pvm_setopt(*option, *value); }

ENTRY pvmfgetcontext_(int *context) { *context = pvm_getcontext(); }
ENTRY pvmfsetcontext_(int *context, int *old) { *old = pvm_setcontext(*context); }
ENTRY pvmfnewcontext_(int *context) { *context = pvm_newcontext(); }
/* PVM 3.4.6 sets the context here instead of freeing it. */
ENTRY pvmffreecontext_(int *context, int *info) { *info = pvm_freecontext(*context); }

/* ---- message handlers ---------------------------------------------------------- */

/* A Fortran procedure takes the message's buffer id by reference. */
typedef int (*procedure)(int *bufid);

static struct handler {
	struct handler *next; /* older one */
	int id, src, tag, context;
	procedure run;
} *handlers;

/* Threads add and remove handlers, and the library runs them, at the same time. */
static pthread_mutex_t handlers_lock = PTHREAD_MUTEX_INITIALIZER;

static int matches(const struct handler *h, const struct pvmminfo *m)
{
	return (h->src == -1 || h->src == m->src) && (h->tag == -1 || h->tag == m->tag) &&
		(h->context == -1 || h->context == m->ctx);
}

/* The newest procedure that matches, as the library would choose; NULL: none. */
static procedure procedure_for(const struct pvmminfo *head)
{
	struct handler *h;
	procedure run;

	pthread_mutex_lock(&handlers_lock);
	for (h = handlers; h && !matches(h, head); h = h->next)
		;
	run = h ? h->run : NULL;
	pthread_mutex_unlock(&handlers_lock);
	return run;
}

/* The handler of all procedures. */
static int run_procedure(int bufid)
{
	struct pvmminfo head;
	procedure run;

	if (pvm_getminfo(bufid, &head) < 0)
		return PvmNoSuchBuf;
	run = procedure_for(&head);
	return run ? run(&bufid) : 0;
}

/* Take a handler out of the list. */
static void forget(int id)
{
	for (struct handler **at = &handlers; *at; at = &(*at)->next)
		if ((*at)->id == id) {
			struct handler *h = *at;

			*at = h->next;
			free(h);
			return;
		}
}

/* The fourth argument is not used; info is the id of the handler. */
ENTRY pvmfaddmhf_(int *src, int *tag, int *context, int *unused, procedure run, int *info)
{
	struct handler *h = malloc(sizeof *h);

	(void)unused;
	if (!h) {
		*info = PvmNoMem;
		return;
	}
	/* A message that comes at once waits for its procedure to be in the list. */
	pthread_mutex_lock(&handlers_lock);
	*info = pvm_addmhf(*src, *tag, *context, run_procedure);
	if (*info >= 0) {
		forget(*info);
		*h = (struct handler){ handlers, *info, *src, *tag, *context, run };
		handlers = h;
	}
	pthread_mutex_unlock(&handlers_lock);
	if (*info < 0)
		free(h);
}

ENTRY pvmfdelmhf_(int *id, int *info)
{
	pthread_mutex_lock(&handlers_lock);
	*info = pvm_delmhf(*id);
	if (*info >= 0)
		forget(*id);
	pthread_mutex_unlock(&handlers_lock);
}

/* ---- mailbox ----------------------------------------------------------------------- */

ENTRY pvmfputinfo_(char *name, int *bufid, int *flags, int *index, int name_length)
{
	TEXT(name, index)

	*index = pvm_putinfo(c_name, *bufid, *flags);
}

ENTRY pvmfrecvinfo_(char *name, int *index, int *flags, int *bufid, int name_length)
{
	TEXT(name, bufid)

	*bufid = pvm_recvinfo(c_name, *index, *flags);
}

ENTRY pvmfdelinfo_(char *name, int *index, int *flags, int *info, int name_length)
{
	TEXT(name, info)

	*info = pvm_delinfo(c_name, *index, *flags);
}

/*
 * One class a call, in turn, with arrays of its entries; then, or when `classes` is -1, the
 * table is read again.
 */
ENTRY pvmfgetmboxinfo_(char *pattern, char *name, int *classes, int *entries, int *indices,
	int *owners, int *flags, int *info, int pattern_length, int name_length)
{
	static __thread struct pvmmboxinfo *table;
	static __thread int known, next;
	struct pvmmboxinfo *c;
	TEXT(pattern, info)

	*info = 0;
	if (next >= known || *classes == -1) {
		next = known = 0;
		*info = pvm_getmboxinfo(c_pattern, &known, &table);
	}
	if (*info < 0)
		return;
	if (next >= known) {
		*info = PvmNotFound;
		return;
	}
	*classes = known;
	c = &table[next++];
	fpvm__store(name, name_length, c->mi_name);
	*entries = c->mi_nentries;
	for (int i = 0; i < c->mi_nentries; i++) {
		indices[i] = c->mi_indices[i];
		owners[i] = c->mi_owners[i];
		flags[i] = c->mi_flags[i];
	}
}
