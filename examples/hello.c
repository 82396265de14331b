/* SPDX-License-Identifier: MIT */
/*
 * First program: start a task that runs hello_other and print the greeting it
 * sends. Compile:
 *     cc -I$PVM_ROOT/include -L$PVM_ROOT/lib/$PVM_ARCH hello.c -o hello -lpvm3
 */
#include <stdio.h>

#include "pvm3.h"

int main(void)
{
	char greeting[100];
	int other, from;
	int me = pvm_mytid();

	if (me < 0) {
		pvm_perror("hello");
		return 1;
	}
	printf("hello: I am t%x\n", me);

	if (pvm_spawn("hello_other", NULL, PvmTaskDefault, NULL, 1, &other) != 1) {
		fprintf(stderr, "hello: cannot start hello_other\n");
		pvm_exit();
		return 1;
	}

	int message = pvm_recv(other, 1);
	pvm_bufinfo(message, NULL, NULL, &from);
	pvm_upkstr(greeting);
	printf("hello: t%x says \"%s\"\n", from, greeting);
	pvm_exit();
	return 0;
}
