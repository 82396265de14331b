/* SPDX-License-Identifier: MIT */
/*
 * The other half of hello.c: greet the task that started this one. It must lie
 * where the daemon looks for programs: $HOME/pvm3/bin/$PVM_ARCH, or a directory
 * of $PVM_PATH in the daemon's environment.
 */
#include <stdio.h>
#include <unistd.h>

#include "pvm3.h"

int main(void)
{
	char host[64], greeting[100];
	int parent = pvm_parent();

	if (parent < 0) {
		fprintf(stderr, "hello_other: to be started by hello\n");
		return 1;
	}
	gethostname(host, sizeof host);
	host[sizeof host - 1] = '\0';
	snprintf(greeting, sizeof greeting, "hello, world from %s", host);

	pvm_initsend(PvmDataDefault);
	pvm_pkstr(greeting);
	pvm_send(parent, 1);
	pvm_exit();
	return 0;
}
