/* SPDX-License-Identifier: MIT */
/*
 * A family to be traced: the parent spawns three of itself, of whose calls only pvm_siblings and
 * pvm_send are to be events; each sends a message to the next one, and ends when it has one.
 */
#include <pvm3.h>
#include <pvmtev.h>
#include <stddef.h>

enum { CHILDREN = 3, TAG_TOKEN = 1, TAG_EXIT = 2 };

static int child(void)
{
	int *tids, me = pvm_mytid(), n = pvm_siblings(&tids), next = 0;

	for (int i = 0; i < n; i++)
		if (tids[i] == me)
			next = tids[(i + 1) % n];
	pvm_initsend(PvmDataDefault);
	pvm_send(next, TAG_TOKEN);
	pvm_recv(-1, TAG_TOKEN);
	pvm_exit();
	return n != CHILDREN;
}

int main(int argc, char **argv)
{
	char *role[] = { "child", NULL };
	int tids[CHILDREN];
	Pvmtmask mask;

	if (argc > 1)
		return child();
	if (pvm_mytid() < 0)
		return 1;
	TEV_MASK_INIT(mask);
	TEV_MASK_SET(mask, TEV_SIBLINGS);
	TEV_MASK_SET(mask, TEV_SEND);
	pvm_settmask(PvmTaskChild, mask);
	if (pvm_spawn(argv[0], role, PvmTaskDefault, "", CHILDREN, tids) != CHILDREN)
		return 1;
	pvm_notify(PvmTaskExit, TAG_EXIT, CHILDREN, tids);
	for (int i = 0; i < CHILDREN; i++)
		pvm_recv(-1, TAG_EXIT);
	pvm_exit();
	return 0;
}
