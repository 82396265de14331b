/* SPDX-License-Identifier: MIT */
/* The table of links, and what ends their use. */
#include "transport/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct link *pvm__links[SHARE_SLOTS];
unsigned pvm__links_end;
bool pvm__links_due;

struct link *pvm__link_find(int peer)
{
	for (unsigned i = 0; i < pvm__links_end; i++)
		if (pvm__links[i] && pvm__links[i]->way.turn == peer)
			return pvm__links[i];
	return NULL;
}

void pvm__links_left(void)
{
	for (unsigned i = 0; i < pvm__links_end; i++) {
		struct link *l = pvm__links[i];

		if (!l || l->user != &pvm__self)
			continue;
		l->user = NULL;
		l->ring.tail = l->ours->tail; /* what was not published has not been */
	}
}

void pvm__link_fault(struct link *l, const char *what)
{
	pvm__log("memory of t%x: %s; it is used no more", (unsigned)l->way.turn, what);
	l->incoming = NULL;
	pvm__way_unlist(&l->way);
	l->out = LINK_CLOSED;
	l->due = SHARE_CLOSE;
	pvm__links_due = true;
}

void pvm__link_ring(struct link *l)
{
	const uint64_t one = 1;
	ssize_t n;

	/* It cannot be full: then it rings in any case. */
	do {
		n = write(l->bell, &one, sizeof one);
	} while (n < 0 && errno == EINTR);
	if (n == sizeof one)
		pvm__segment_home()->bells++;
}

/* ---- settings ---------------------------------------------------------------------------- */

bool pvm__share_wanted(void)
{
	const char *text = getenv("PVM_SHM");

	return !text || (strcmp(text, "off") != 0 && strcmp(text, "0") != 0);
}

unsigned pvm__share_setting(const char *name, unsigned otherwise, unsigned least, unsigned most)
{
	const char *text = getenv(name);
	char *end;
	unsigned long n = text ? strtoul(text, &end, 10) : otherwise;

	if (text && (end == text || *end))
		return otherwise;
	return n < least ? least : n > most ? most : (unsigned)n;
}
