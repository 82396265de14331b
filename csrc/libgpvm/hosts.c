/* SPDX-License-Identifier: MIT */
/*
 * Members of a group by host.  The member with the smallest tid of a host is
 * its coordinator: it sums up its host's part of a reduction.
 */
#include <stdlib.h>

#include "group.h"

/* Number of hosts, with members and coordinator on one of them; or a code. */
static int find_host(const char *group, int host, int *members, int *coordinator)
{
	const struct record *r;
	int *list;
	int hosts = 0;

	gs__lock();
	r = gs__cached(group);
	for (int i = 0; r && i < r->hosts; i++)
		if (pvm_tidtohost(r->coordinators[i]) == host) {
			*members = r->per_host[i];
			*coordinator = r->coordinators[i];
			hosts = r->hosts;
			break;
		}
	gs__unlock();
	if (hosts)
		return hosts;
	hosts = gs__ask(GROUP_HOSTCHAR, group, host, &list);
	if (hosts < 0)
		return hosts;
	*members = list[0];
	*coordinator = list[1];
	free(list);
	return hosts;
}

int pvm_grphostinfo(char *group, int host, int *coordinator, int *members, int *hosts)
{
	GROUP_CALL();
	int own_members, own_coordinator;
	int n = find_host(group, host, &own_members, &own_coordinator);

	if (n < 0)
		return gs__quiet(n);
	if (coordinator)
		*coordinator = own_coordinator;
	if (members)
		*members = own_members;
	if (hosts)
		*hosts = n;
	return 0;
}

/* A record's vectors as the server sends them: members of n hosts, then their coordinators. */
static int vectors_of_record(const struct record *r, int **list)
{
	*list = malloc(2 * (size_t)r->hosts * sizeof **list + 1);
	if (!*list)
		return PvmNoMem;
	for (int i = 0; i < r->hosts; i++) {
		(*list)[i] = r->per_host[i];
		(*list)[r->hosts + i] = r->coordinators[i];
	}
	return r->hosts;
}

int pvm_grpvhostinfo(char *group, int **coordinators, int **members, int *hosts)
{
	const struct record *r;
	bool known;
	int *list, n = 0;

	GROUP_CALL();
	gs__mask();
	gs__lock();
	r = gs__cached(group);
	known = r != NULL;
	if (known)
		n = vectors_of_record(r, &list);
	gs__unlock();
	if (!known)
		n = gs__ask(GROUP_HOSTCHARV, group, 0, &list);

	if (n < 0)
		return gs__quiet(n);
	gs__lock();
	free(gs__state.vectors);
	gs__state.vectors = list;
	gs__unlock();
	if (members)
		*members = list;
	if (coordinators)
		*coordinators = list + n;
	if (hosts)
		*hosts = n;
	return 0;
}
