/* SPDX-License-Identifier: MIT */
/* What becomes of an error code: pvm_errno, and what PvmAutoErr asks for. */
#include "calls/api.h"

#include <stdlib.h>

static const char *text_of_error(void)
{
	if (pvm_errno > 0 || pvm_errno <= -PVM_NERR)
		return "Unknown Error";
	return pvm_errlist[-pvm_errno];
}

static __attribute__((noinline, cold)) char *text_of_threads_error(void)
{
	LOCK_SCOPE(lock);
	return (char *)text_of_error();
}

/* Text of the last error; "Unknown Error" if the code is not one of the list. */
char *pvm_strerror(void)
{
	return pvm__alone() ? (char *)text_of_error() : text_of_threads_error();
}

/* Print `text` and the text of the last error on stderr. Returns 0. */
int pvm_perror(char *text)
{
	API_LOCK();
	pvm__report("%s: %s", text ? text : "(null)", text_of_error());
	return 0;
}

/* Do what PvmAutoErr, which is not 0, says about an error of `function`. */
static __attribute__((noinline, cold)) void act(const char *function, int code)
{
	int action = pvm__task.option.auto_err;

	pvm__report("%s(): %s", function, text_of_error());
	if (action == 2) {
		pvm__leave();
		pvm__unlock_all(); /* other threads may have to come to an end */
		exit(code);
	}
	if (action >= 3)
		abort();
}

int pvm__failed(const char *function, int code)
{
	pvm_errno = code;
	if (__builtin_expect(pvm__task.option.auto_err > 0, 0))
		act(function, code);
	return code;
}

/* pvm__result for libraries on top of this one, as libgpvm3. */
int lpvmerr(const char *function, int code)
{
	LOCK_SCOPE(lock);
	return pvm__result(function, code);
}
