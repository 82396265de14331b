/* SPDX-License-Identifier: MIT */
/* Halt the machine; SIGTERM, which every task gets then, is ignored to see the result. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "pvm3.h"

int main(void)
{
	int code;

	alarm(100);
	signal(SIGTERM, SIG_IGN);
	if (pvm_mytid() < 0)
		return 2;
	code = pvm_halt();
	printf("pvm_halt: %d\n", code);
	pvm_setopt(PvmAutoErr, 0);
	return code == 0 ? 0 : 1;
}
