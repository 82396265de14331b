/* SPDX-License-Identifier: MIT */
/*
 * Message handlers, of the program (pvm_addmhf) and of the library: functions
 * that get messages of a given source, tag and context as they arrive.
 */
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

struct handler {
	int id;
	int src, tag, ctx; /* -1: any */
	int (*f)(int mid);
};

static struct handler *handlers; /* `used_ids` have room, */
static int nhandlers;            /* so many are there, oldest first */
static int nsystem;              /* so many of them come first, of context SYSCTX_TC */
static int *free_ids, nfree_ids; /* ids given back, the last one to be used first */
static int used_ids;             /* ids ever used */

static bool agree(int a, int b)
{
	return a == -1 || b == -1 || a == b;
}

/* Where the search for handlers of messages in a context, -1: any, ends. */
static inline int first_in(int ctx)
{
	return ctx == SYSCTX_TC || ctx == -1 ? 0 : nsystem;
}

/* Could one message be for both handlers? */
static bool overlaps(const struct handler *h, int src, int tag, int ctx)
{
	return agree(h->ctx, ctx) && agree(h->tag, tag) && agree(h->src, src);
}

static bool matches(const struct handler *h, const struct message *m)
{
	return (h->ctx == -1 || h->ctx == m->ctx) && (h->tag == -1 || h->tag == m->tag) &&
		(h->src == -1 || h->src == m->src);
}

/* Ids are reused, the last one freed first. */
static int new_id(void)
{
	return nfree_ids ? free_ids[--nfree_ids] : used_ids++;
}

/* Have room for one more, and to free every id, so that removing cannot fail. 0 or PvmNoMem. */
static int make_room(void)
{
	size_t n = (size_t)used_ids + 1;
	struct handler *list;
	int *ids;

	if (nfree_ids)
		return 0;
	ids = realloc(free_ids, n * sizeof *ids);
	if (!ids)
		return PvmNoMem;
	free_ids = ids;
	list = realloc(handlers, n * sizeof *list);
	if (!list)
		return PvmNoMem;
	handlers = list;
	return 0;
}

int pvm__handler_add(int src, int tag, int ctx, int (*f)(int mid))
{
	struct handler *h;

	for (int i = nhandlers - 1, first = first_in(ctx); i >= first; i--)
		if (overlaps(&handlers[i], src, tag, ctx))
			return PvmExists;
	if (!f)
		return PvmBadParam;
	if (make_room() < 0)
		return PvmNoMem;
	nsystem += ctx == SYSCTX_TC && nsystem == nhandlers;
	h = &handlers[nhandlers++];
	*h = (struct handler){ new_id(), src, tag, ctx, f };
	return h->id;
}

int pvm__handler_remove(int id)
{
	int i = nhandlers - 1;

	if (id < 0)
		return PvmBadParam;
	if (id >= used_ids)
		return PvmNotFound;
	while (i >= 0 && handlers[i].id != id)
		i--;
	if (i < 0)
		return PvmNotFound;
	nhandlers--;
	nsystem -= i < nsystem;
	memmove(&handlers[i], &handlers[i + 1], (size_t)(nhandlers - i) * sizeof *handlers);
	free_ids[nfree_ids++] = id;
	return 0;
}

void pvm__handlers_clear(void)
{
	free(handlers);
	free(free_ids);
	handlers = NULL;
	free_ids = NULL;
	nhandlers = nsystem = nfree_ids = used_ids = 0;
}

/* The event of a program's handler that gets a message. */
static void trace_invocation(const struct handler *h, const struct message *m)
{
	struct trace_header came;

	if (pvmtrc.trctid <= 0 || h->ctx == SYSCTX_TC)
		return;
	came = pvm__trace_header_of(m);
	pvm__trace(TEV_MHF_INVOKE | TEV_EVENT_ENTRY, TEV_DID_RST, h->src, TEV_DID_RMC, h->tag,
		TEV_DID_RCX, h->ctx, TEV_DID_MB, m->id, TEV_DID_MNB, came.bytes, TEV_DID_MC,
		came.tag, TEV_DID_MCX, came.ctx, TEV_DID_SRC, came.src, -1);
}

/* The handler that runs: one does at a time, in whichever thread. */
static struct {
	struct view view;
	struct message *message;
	int toplevel; /* outside it */
	bool grouped; /* the same of a group call */
	int *written;
} running;

/* Call the function; the program's may take its time, so without the lock. */
static void call(int (*f)(int mid), int id, bool own)
{
	volatile uint64_t frame;
	struct held held;

	if (own) {
		f(id);
		return;
	}
	pvm__let_others_read();
	held = pvm__unlock_for_handler(&frame);
	f(id);
	pvm__relock_after_handler(&held);
}

/*
 * Give the message that has an id buffers and context for its handler. The handler's calls are
 * traced as if nothing called it.
 */
static void begin(struct message *m)
{
	running.message = m;
	running.toplevel = pvmtoplvl;
	running.grouped = pvm__self.grouped;
	running.written = pvm__self.written;
	pvm__self.grouped = false;
	pvm__self.written = NULL;
	pvm__view_begin(&running.view, NULL, m, m->ctx);
	pvmtoplvl = 1;
	pvm__task.in_handler++;
}

/* End that. */
static void end(void)
{
	struct task *t = &pvm__task;
	struct message *sbuf, *rbuf;

	t->in_handler--;
	pvm__self.grouped = running.grouped;
	pvm__self.written = running.written;
	pvmtoplvl = running.toplevel;
	pvm__message_retire(running.message);
	sbuf = t->sbuf;
	rbuf = t->rbuf;
	pvm__view_end(&running.view);
	/* What the handler left active is its own, unless it took up another's. */
	if (sbuf && !pvm__is_active(sbuf))
		pvm__message_retire(sbuf);
	if (rbuf && rbuf != sbuf && !pvm__is_active(rbuf))
		pvm__message_retire(rbuf);
}

/* Run the handler on the message. Meanwhile it may be removed: `h` is a copy. */
static void run(const struct handler h, struct message *m)
{
	int id;

	pvm__message_ref(m);
	id = pvm__message_publish(m);
	if (id < 0) {
		pvm__message_unref(m);
		pvm__lost_for_memory(m->src);
		return;
	}
	begin(m);
	trace_invocation(&h, m);
	call(h.f, id, h.ctx == SYSCTX_TC);
	end();
}

void pvm__handler_left(void)
{
	struct task *t = &pvm__task;
	struct message *m = NULL;

	if (t->in_handler && t->engine.dispatcher == &pvm__self) {
		m = running.message;
		end();
	}
	pvmtoplvl = 1;
	pvm__above.group_left();
	pvm__waits_left();
	pvm__requests_left();
	pvm__kept_left();
	pvm__dispatch_left(m);
}

/* The handler that gets a message, or NULL. */
static const struct handler *handler_of(const struct message *m)
{
	for (int i = nhandlers - 1, first = first_in(m->ctx); i >= first; i--)
		if (matches(&handlers[i], m))
			return &handlers[i];
	return NULL;
}

bool pvm__handler_exists(const struct message *m)
{
	return handler_of(m) != NULL;
}

bool pvm__handler_dispatch(struct message *m)
{
	const struct handler *h = handler_of(m);

	if (!h)
		return false;
	run(*h, m);
	return true;
}

void pvm__handlers_print(void)
{
	for (int i = nhandlers - 1; i >= 0; i--)
		printf("handler %d: src %x tag %d ctx %x\n", handlers[i].id,
			(unsigned)handlers[i].src, handlers[i].tag, (unsigned)handlers[i].ctx);
}
