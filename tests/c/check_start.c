/* SPDX-License-Identifier: MIT */
/*
 * pvm_start_pvmd: machines that this program starts, each in a PVM_TMP of its own, by a
 * process that is in no machine yet; and every way in which that fails.
 */
#include <glob.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

enum { WAIT_SECONDS = 20 };

extern int pvmmytid;

static char *program;

/* Is there a file of this name in the directory? */
static bool present(const char *directory, const char *pattern)
{
	char path[200];
	glob_t found;
	bool any;

	snprintf(path, sizeof path, "%s/%s", directory, pattern);
	any = glob(path, 0, NULL, &found) == 0;
	if (any)
		globfree(&found);
	return any;
}

/* Wait for the end of the daemon, which removes its sock file. */
static void wait_for_end(const char *directory)
{
	for (int i = 0; present(directory, "pvmd.*") && i < WAIT_SECONDS * 100; i++)
		usleep(10000);
	CHECK(!present(directory, "pvmd.*"));
}

static void clean_up(const char *directory)
{
	char command[300];

	wait_for_end(directory);
	snprintf(command, sizeof command, "rm -r %s", directory);
	CHECK_INT(system(command), 0);
}

/* Run a part in a process of its own, outside of any machine; its failures count here. */
static void apart(void (*part)(void))
{
	char directory[200];
	int status = -1;
	pid_t pid;

	CHECK(check_directory(directory, sizeof directory));
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setenv("PVM_TMP", directory, 1);
		unsetenv("PVMSOCK");
		/* pvm_halt ends all tasks. */
		signal(SIGTERM, SIG_IGN);
		check_failed = 0;
		part();
		fflush(stdout);
		/* Every part halts its machine. Another try would wait for a daemon that ends. */
		if (check_failed && present(directory, "pvmd.*"))
			pvm_halt();
		_exit(check_failed ? 1 : 0);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	clean_up(directory);
}

/* ---- success ------------------------------------------------------------------- */

/* The machine works: it has one host, on which a task runs. */
static void use_and_halt(void)
{
	struct pvmhostinfo *hosts;
	int count = 0, tid;

	CHECK(pvm_mytid() > 0);
	CHECK_INT(pvm_config(&count, NULL, &hosts), 0);
	CHECK_INT(count, 1);
	CHECK_INT(pvm_spawn("/bin/true", NULL, PvmTaskDefault, "", 1, &tid), 1);
	CHECK_INT(pvm_halt(), 0);
}

static void at_once(void)
{
	CHECK_CODE("pvm_start_pvmd(0, NULL, block 0)", pvm_start_pvmd(0, NULL, 0), 0);
	use_and_halt();
}

static void blocking(void)
{
	CHECK_CODE("pvm_start_pvmd(0, NULL, block 1)", pvm_start_pvmd(0, NULL, 1), 0);
	use_and_halt();
}

/* Write the host file of a machine with a host that cannot be added. */
static void write_hosts(char *path, size_t size)
{
	FILE *file;

	snprintf(path, size, "%s/hosts", getenv("PVM_TMP"));
	file = fopen(path, "w");
	fputs("no.such.host.invalid\n", file);
	fclose(file);
}

/* With arguments, which are those of the daemon; it tries the hosts of its file. */
static void with_host_file(void)
{
	char path[200], *arguments[] = { path };

	write_hosts(path, sizeof path);
	CHECK_INT(pvm_start_pvmd(1, arguments, 1), 0);
	use_and_halt();
}

/* The machine ends, by another task of it, while this one is in it. */
static void daemon_gone(void)
{
	int status = -1;
	time_t begin;
	pid_t pid;

	CHECK_INT(pvm_start_pvmd(0, NULL, 0), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl(program, program, "halt", (char *)NULL);
		_exit(127);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	wait_for_end(getenv("PVM_TMP"));
	/* Nobody waits for another daemon before the program leaves. */
	begin = time(NULL);
	CHECK_INT(pvm_config(NULL, NULL, NULL), PvmSysErr);
	CHECK_INT(pvm_pstat(0x40001), PvmSysErr);
	CHECK_INT(pvm_newcontext(), PvmSysErr);
	CHECK(time(NULL) - begin < 3);
	CHECK_INT(pvm_exit(), PvmSysErr);
	CHECK_INT(pvm_exit(), 0);
}

/* A daemon was killed and has left its file: it does not count. */
static void after_a_killed_daemon(void)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof path, "%s/pvmd.%d", getenv("PVM_TMP"), (int)geteuid());
	file = fopen(path, "w");
	fprintf(file, "%s/pvmtmp000001.0", getenv("PVM_TMP"));
	fclose(file);
	CHECK_INT(pvm_start_pvmd(0, NULL, 0), 0);
	use_and_halt();
}

/* ---- refusals ------------------------------------------------------------------ */

/* The caller is in a machine: started by itself, and found as every task does. */
static void already_enrolled(void)
{
	CHECK_INT(pvm_start_pvmd(0, NULL, 0), 0);
	CHECK_INT(pvm_start_pvmd(0, NULL, 0), PvmDupHost);
	CHECK_INT(pvm_start_pvmd(0, NULL, 1), PvmDupHost);
	CHECK_INT(pvm_halt(), 0);
}

/* A daemon runs, but the caller is not in its machine. */
static void daemon_is_running(void)
{
	CHECK_INT(pvm_start_pvmd(0, NULL, 0), PvmDupHost);
	CHECK_CODE("pvmmytid after PvmDupHost", pvmmytid > 0, 1);
	CHECK_INT(pvm_setopt(PvmNoReset, 1), 0);
	CHECK_INT(pvm_start_pvmd(0, NULL, 1), PvmDupHost);
	CHECK_INT(pvm_start_pvmd(-1, NULL, 0), PvmDupHost);
	CHECK_INT(pvm_start_pvmd(0, NULL, 0), PvmDupHost);
	pvm_exit();
}

static void no_program(void)
{
	setenv("PVM_ROOT", "/nowhere", 1);
	setenv("PATH", "/nowhere", 1);
	CHECK_INT(pvm_start_pvmd(0, NULL, 0), PvmCantStart);
	CHECK_INT(pvm_start_pvmd(0, NULL, 1), PvmCantStart);
}

/* The daemon ends before it serves. */
static void refused_arguments(void)
{
	char *arguments[] = { "-nno.such.host.invalid", "two", "files" };

	CHECK_INT(pvm_start_pvmd(3, arguments, 0), PvmCantStart);
	CHECK_INT(pvm_start_pvmd(3, arguments, 1), PvmCantStart);
}

static void no_descriptors(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 3;
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_INT(pvm_start_pvmd(0, NULL, 0), PvmSysErr);
}

/* In a process that has not called PVM yet. */
static void run_beside(void (*part)(void))
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		part();
		fflush(stdout);
		_exit(check_failed ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	CHECK_INT(status, 0);
}

int main(int argc, char **argv)
{
	check_start();
	program = argv[0];
	if (argc > 1)
		return pvm_halt();
	run_beside(daemon_is_running);
	apart(at_once);
	apart(blocking);
	apart(with_host_file);
	apart(daemon_gone);
	apart(already_enrolled);
	if (check_ours("library") && check_ours("daemon"))
		apart(after_a_killed_daemon);
	/* 3.4.6 has a path of its own. */
	if (check_ours("library"))
		apart(no_program);
	apart(refused_arguments);
	apart(no_descriptors);
	return check_done();
}
