/* SPDX-License-Identifier: MIT */
/*
 * Error codes: their texts, pvm_errno, what PvmAutoErr asks for, log lines.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "compat.h"

/* Text of code -k is entry k.  Programs copy this table: its size is fixed. */
int pvm_nerr = PVM_NERR;
const char *pvm_errlist[PVM_NERR] = {
	"Error 0",
	"Error 1",
	"Bad parameter",
	"Parameter mismatch",
	"Value too large",
	"End of buffer",
	"No such host",
	"No such file",
	"Permission denied",
	"Error 9",
	"Malloc failed",
	"Error 11",
	"Can't decode message",
	"Error 13",
	"Can't contact local daemon",
	"No current buffer",
	"No such buffer",
	"Null group name",
	"Already in group",
	"No such group",
	"Not in group",
	"No such instance",
	"Host failed",
	"No parent task",
	"Not implemented",
	"Pvmd system error",
	"Version mismatch",
	"Out of resources",
	"Duplicate host",
	"Can't start pvmd",
	"Already in progress",
	"No such task",
	"Not Found",
	"Already Exists",
	"Hoster must run on master host",
	"Spawning parent set PvmNoParent",
	"Master Host IP Address is Loopback! (See pvm3/Readme)",
};

/* "libpvm [t40001]", or the process id while there is no tid. */
static int prefix(char *line, size_t size)
{
	if (pvmmytid == -1)
		return snprintf(line, size, "libpvm [pid%d]", (int)getpid());
	return snprintf(line, size, "libpvm [t%x]", (unsigned)pvmmytid);
}

/* One line on stderr, in one write so that lines of tasks do not mix. */
static void print_line(const char *separator, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0)));
static void print_line(const char *separator, const char *format, va_list ap)
{
	char text[1024];
	char line[1200];
	int n = prefix(line, sizeof line);

	vsnprintf(text, sizeof text, format, ap);
	snprintf(line + n, sizeof line - (size_t)n, "%s%s\n", separator, text);
	fputs(line, stderr);
	fflush(stderr);
}

void pvm__log(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print_line(" ", format, ap);
	va_end(ap);
}

void pvm__report(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print_line(": ", format, ap);
	va_end(ap);
}

/* Text of the last error; "Unknown Error" if the code is not one of the list. */
char *pvm_strerror(void)
{
	API_LOCK();
	if (pvm_errno > 0 || pvm_errno <= -PVM_NERR)
		return (char *)"Unknown Error";
	return (char *)pvm_errlist[-pvm_errno];
}

/* Print `text` and the text of the last error on stderr. Returns 0. */
int pvm_perror(char *text)
{
	API_LOCK();
	pvm__report("%s: %s", text ? text : "(null)", pvm_strerror());
	return 0;
}

int pvm__quiet(int code)
{
	if (code < 0)
		pvm_errno = code;
	return code;
}

/* Do what PvmAutoErr says about an error of `function`. */
static void act(const char *function, int code)
{
	int action = pvm__task.auto_err;

	if (action <= 0)
		return;
	pvm__report("%s(): %s", function, pvm_strerror());
	if (action == 2) {
		pvm_exit();
		pvm__unlock_all(); /* other threads may have to come to an end */
		exit(code);
	}
	if (action >= 3)
		abort();
}

int pvm__result(const char *function, int code)
{
	if (__builtin_expect(code < 0, 0)) {
		pvm_errno = code;
		act(function, code);
	}
	return code;
}

/* pvm__result for libraries on top of this one, as libgpvm3. */
int lpvmerr(const char *function, int code)
{
	API_LOCK();
	return pvm__result(function, code);
}

void pvm__lost_for_memory(int src)
{
	pvm__log("message from t%x dropped: out of memory", (unsigned)src);
	pvm__task.short_of_memory = true;
	pvm__task.incomplete = true;
}
