/* SPDX-License-Identifier: MIT */
/* Reduce: combining items of all members, first on each host, then over the hosts. */
#include <limits.h>
#include <stdlib.h>

#include "collective.h"

typedef void (*operation)(int *type, void *x, void *y, int *n, int *info);

/* Who takes part in a reduction, as one member sees it. */
struct parties {
	int coordinator; /* smallest tid of the own host */
	int *peers;      /* the other tids there ... */
	int npeers;
	int *coordinators; /* ... and the smallest tid of each other host */
	int ncoordinators;
};

/* By hosts, then by tids. */
static int compare_tids(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	int xs_host = pvm_tidtohost(x), ys_host = pvm_tidtohost(y);

	return xs_host != ys_host ? (xs_host > ys_host) - (xs_host < ys_host) : (x > y) - (x < y);
}

/* Find the parties in all n tids of a group, which are put in order. 0 or PvmNoMem. */
static int find_parties(struct parties *p, int *tids, int n)
{
	int here = pvm_tidtohost(pvmmytid);
	int last = 0;

	*p = (struct parties){ .peers = malloc(2 * (size_t)n * sizeof *tids + 1) };
	if (!p->peers)
		return PvmNoMem;
	p->coordinators = p->peers + n;
	qsort(tids, (size_t)n, sizeof *tids, compare_tids);
	for (int i = 0; i < n; i++) {
		int host = pvm_tidtohost(tids[i]);
		bool first = host != last;

		last = host;
		if (host != here) {
			if (first)
				p->coordinators[p->ncoordinators++] = tids[i];
		} else if (first) {
			p->coordinator = tids[i];
		} else {
			p->peers[p->npeers++] = tids[i];
		}
	}
	return 0;
}

/* Receive a vector from each of n senders, in any order, and combine it with the own one. */
static int combine(const struct collective *c, operation f, int *senders, int n)
{
	char *work = n > 0 ? malloc(c->bytes) : NULL;
	int code = n > 0 && !work ? PvmNoMem : 0;

	for (int i = 0; i < n && code >= 0; i++) {
		int type = c->type;
		int count = c->count;
		int source = gs__receive_items(c, -1, work, senders, n);

		code = source < 0 ? source : 0;
		for (int k = 0; k < n; k++)
			if (senders[k] == source)
				senders[k] = 0;
		if (code >= 0) {
			int state = pvmgrouppause ? pvmgrouppause() : 0;

			f(&type, c->data, work, &count, &code);
			if (pvmgroupresume)
				pvmgroupresume(state);
		}
	}
	free(work);
	return code;
}

/* Tell the root that this coordinator cannot do its part: with a message without items. */
static void send_nothing(const struct collective *c)
{
	if (pvm_initsend(PvmDataDefault) >= 0)
		pvm_send(c->root_tid, c->tag);
}

/*
 * Two levels: members of a host send to its coordinator, coordinators to the root. A root
 * that is not its host's coordinator has that one's result first.
 */
static int reduce_among(const struct collective *c, operation f, const struct parties *p)
{
	bool is_root = c->root_tid == pvmmytid;
	int code;

	if (p->coordinator != pvmmytid) {
		code = gs__send_items(c, p->coordinator, c->data);
		if (code >= 0 && is_root)
			code = gs__receive_from(c, p->coordinator, c->data);
	} else {
		code = combine(c, f, p->peers, p->npeers);
		if (!is_root && code >= 0)
			code = gs__send_items(c, c->root_tid, c->data);
		else if (!is_root)
			send_nothing(c);
	}
	if (is_root && code >= 0)
		code = combine(c, f, p->coordinators, p->ncoordinators);
	return code < 0 ? code : 0;
}

/* All members in some order: their number, tids malloc'ed; or an error code. */
static int find_members(struct collective *c, int **tids)
{
	int code = gs__list_members(c);

	if (code == 0 && !c->tids)
		return gs__tids(GROUP_BCAST, c->group, tids);
	*tids = c->tids;
	return code < 0 ? code : c->n;
}

/* Check caller and root, then the rest. 0 or an error code. */
static int check_call(struct collective *c, operation f, const int *tids, int n)
{
	int code = gs__place_of(pvmmytid, tids, n);

	if (code >= 0)
		code = gs__find_root(c);
	if (code < 0)
		return code;
	return f && c->bytes > 0 ? 0 : PvmBadParam;
}

static int reduce_in_group(struct collective *c, operation f)
{
	struct parties parties = { 0 };
	int *tids;
	int code;
	int n = find_members(c, &tids);

	if (n < 0)
		return n;
	code = check_call(c, f, tids, n);
	if (code == 0)
		code = find_parties(&parties, tids, n);
	free(tids);
	if (code < 0)
		return code;
	code = reduce_among(c, f, &parties);
	free(parties.peers);
	return code;
}

static int reduce(struct collective *c, operation f)
{
	struct setting setting;
	int code;

	if (!c->data || c->count <= 0)
		return PvmBadParam;
	gs__enter(&setting);
	code = reduce_in_group(c, f);
	gs__leave(&setting);
	return code;
}

/*
 * Combine `count` items of every member by function f; the member with instance `root` has
 * the result in `items`, those of other members are undefined afterwards. f gets
 * type, accumulator, operand, number of items, and sets the last to a negative code to fail.
 */
int pvm_reduce(operation f, void *items, int count, int type, int tag, char *group, int root)
{
	struct collective c = { items, count, type, tag, group, root, .room = INT_MAX };
	struct traced t;
	int code;

	GROUP_CALL();
	gs__trace_entry(&t, TEV_REDUCE, group, TEV_DID_MC, tag);
	code = reduce(&c, f);
	gs__trace_exit(&t, TEV_DID_CC, code, NULL, 0);
	return code < 0 ? lpvmerr("pvm_reduce", code) : 0;
}
