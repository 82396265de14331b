/* SPDX-License-Identifier: MIT */
/* System tasks, trace masks, what PvmAutoErr does, a task's name. */
#include <stdarg.h>
#include <sys/wait.h>

#include "check.h"
#include "pvmtev.h"

int pvm_vpackf(char *format, va_list arguments);
int pvm_vunpackf(char *format, va_list arguments);
int pvmsettaskname(char *name);

static void tracer(void)
{
	Pvmtmask mask;

	TEV_MASK_INIT(mask);
	CHECK_INT(pvm_reg_tracer(0, 111, 0, 222, mask, 0, 0), 0);
	CHECK_INT(pvm_reg_tracer(0, 111, 0, 222, mask, 0, 0), 0);
}

static void resource_manager(void)
{
	struct pvmhostinfo *host = NULL;
	int mytid = pvm_mytid();

	CHECK_INT(pvm_reg_rm(&host), 0);
	CHECK(host != NULL);
	if (host) {
		CHECK_INT(host->hi_tid, pvm_tidtohost(mytid));
		CHECK_TEXT(host->hi_arch, "LINUX64");
	}
	CHECK_INT(pvm_reg_rm(&host), mytid);
	pvm_exit();
	CHECK(pvm_mytid() > 0);
	CHECK_INT(pvm_reg_rm(NULL), 0);
}

static void trace_masks(void)
{
	const int whose[] = { PvmTaskSelf, PvmTaskChild };
	Pvmtmask mask, read;

	for (unsigned i = 0; i < sizeof whose / sizeof *whose; i++) {
		TEV_MASK_INIT(mask);
		TEV_MASK_SET(mask, 7 + i);
		CHECK_INT(pvm_settmask(whose[i], mask), 0);
		TEV_MASK_INIT(read);
		CHECK_INT(pvm_gettmask(whose[i], read), 0);
		CHECK_TEXT(read, mask);
		TEV_MASK_INIT(mask);
		CHECK_INT(pvm_settmask(whose[i], mask), 0);
	}
	CHECK_INT(pvm_settmask(2, mask), PvmBadParam);
	CHECK_INT(pvm_gettmask(2, mask), PvmBadParam);
}

static void resets(void)
{
	int *tids, count = -1;

	CHECK_INT(pvm_getnoresets(&tids, &count), 0);
	CHECK_INT(count, 0);
	pvm_setopt(PvmNoReset, 1);
	CHECK_INT(pvm_getnoresets(&tids, &count), 0);
	CHECK_INT(count, 1);
	if (count == 1)
		CHECK_INT(tids[0], pvm_mytid());
	pvm_setopt(PvmNoReset, 0);
	CHECK_INT(pvm_getnoresets(&tids, &count), 0);
	CHECK_INT(count, 0);
}

static int pack(char *format, ...)
{
	va_list arguments;
	int code;

	va_start(arguments, format);
	code = pvm_vpackf(format, arguments);
	va_end(arguments);
	return code;
}

static int unpack(char *format, ...)
{
	va_list arguments;
	int code;

	va_start(arguments, format);
	code = pvm_vunpackf(format, arguments);
	va_end(arguments);
	return code;
}

static void formats(void)
{
	int number = 0;
	char text[20] = "";

	CHECK(pack("%+ %d %s", PvmDataDefault, 42, "words") >= 0);
	CHECK_INT(pvm_send(pvm_mytid(), 1), 0);
	CHECK(pvm_recv(-1, 1) > 0);
	CHECK_INT(unpack("%d %s", &number, text), 0);
	CHECK_INT(number, 42);
	CHECK_TEXT(text, "words");
}

/* The longs that an XDR message can carry, and the first beyond them. */
static void long_boundaries(void)
{
	long value = 0x7fffffffL, least = -0x80000000L, beyond[] = { 0x80000000L, -0x80000001L };
	unsigned long most = 0xffffffffUL, more = 0x100000000UL;

	pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_pklong(&value, 1, 1), 0);
	CHECK_INT(pvm_pklong(&least, 1, 1), 0);
	CHECK_INT(pvm_pkulong(&most, 1, 1), 0);
	if (!check_ours("library"))
		return;
	CHECK_INT(pvm_pklong(beyond, 1, 1), PvmOverflow);
	CHECK_INT(pvm_pklong(beyond + 1, 1, 1), PvmOverflow);
	CHECK_INT(pvm_pkulong(&more, 1, 1), PvmOverflow);
	pvm_initsend(PvmDataRaw);
	CHECK_INT(pvm_pklong(beyond, 2, 1), 0);
	CHECK_INT(pvm_pkulong(&more, 1, 1), 0);
}

/* Status of this program, run with `role` by hand. */
static int run(char **argv, char *role)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(126);
		execl(argv[0], argv[0], role, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void automatic_errors(char **argv)
{
	int status = run(argv, "exit");

	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), PvmNoSuchBuf & 0xff);
	status = run(argv, "abort");
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), SIGABRT);
}

/* Make an error that does not return; `level` is PvmAutoErr. */
static int fail(int level)
{
	pvm_mytid();
	pvm_setopt(PvmAutoErr, level);
	pvm_freebuf(4711);
	return 0;
}

static void names(char **argv)
{
	CHECK_INT(pvmsettaskname(NULL), PvmBadParam);
	CHECK_INT(pvmsettaskname("late"), PvmExists);
	CHECK_INT(run(argv, "named"), 0);
}

/* In a process that is no task yet: the name is what pvm_tasks shows. */
static int named(void)
{
	struct pvmtaskinfo *tasks;
	int count = 0;

	if (pvmsettaskname("a task's name") != 0)
		return 1;
	if (pvm_tasks(pvm_mytid(), &count, &tasks) != 0 || count != 1)
		return 2;
	return strcmp(tasks[0].ti_a_out, "a task's name") == 0 ? 0 : 3;
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1 && strcmp(argv[1], "named") == 0)
		return named();
	if (argc > 1)
		return fail(strcmp(argv[1], "exit") == 0 ? 2 : 3);
	CHECK(pvm_mytid() > 0);
	tracer();
	trace_masks();
	resets();
	formats();
	long_boundaries();
	automatic_errors(argv);
	names(argv);
	if (check_ours("daemon"))
		resource_manager();
	pvm_exit();
	return check_done();
}
