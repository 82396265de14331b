/* SPDX-License-Identifier: MIT */
/* Texts of error codes, and lines that tell the user something. */
#include "base/base.h"

#include <stdarg.h>
#include <unistd.h>

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

int pvm__quiet(int code)
{
	if (code < 0)
		pvm_errno = code;
	return code;
}

void pvm__lost_for_memory(int src)
{
	pvm__log("message from t%x dropped: out of memory", (unsigned)src);
	pvm__task.engine.short_of_memory = true;
	pvm__task.engine.incomplete = true;
}
