/* SPDX-License-Identifier: MIT */
/*
 * Prints its tid and asks for its siblings, then answers each message of tag 1 with one of tag 2,
 * until one of tag 3 comes.
 */
#include <pvm3.h>
#include <stdbool.h>
#include <stdio.h>

/* Does the task know itself among the tasks that were spawned with it? */
static bool one_of_the_siblings(void)
{
	int *tids, n = pvm_siblings(&tids);

	while (n > 0 && tids[n - 1] != pvm_mytid())
		n--;
	return n > 0;
}

int main(void)
{
	int tag, source, id;

	printf("%d\n", pvm_mytid());
	fflush(stdout);
	if (!one_of_the_siblings())
		return 2;
	while ((id = pvm_recv(-1, -1)) > 0 && pvm_bufinfo(id, NULL, &tag, &source) == 0 &&
		tag != 3) {
		pvm_initsend(PvmDataDefault);
		pvm_send(source, 2);
	}
	pvm_exit();
	return id < 0;
}
