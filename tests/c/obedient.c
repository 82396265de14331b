/* SPDX-License-Identifier: MIT */
/*
 * Prints its tid and asks for its siblings, then answers each message of tag 1 with one of tag 2,
 * until one of tag 3 comes.
 */
#include <pvm3.h>
#include <stdio.h>

int main(void)
{
	int tag, source, id, *siblings;

	printf("%d\n", pvm_mytid());
	fflush(stdout);
	if (pvm_siblings(&siblings) != 1 || siblings[0] != pvm_mytid())
		return 2;
	while ((id = pvm_recv(-1, -1)) > 0 && pvm_bufinfo(id, NULL, &tag, &source) == 0 && tag != 3) {
		pvm_initsend(PvmDataDefault);
		pvm_send(source, 2);
	}
	pvm_exit();
	return id < 0;
}
