/* SPDX-License-Identifier: MIT */
/* pvm_start_pvmd: starting the daemon of a new machine on this host. */
#define _GNU_SOURCE 1
#include "calls/api.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Longest address text a daemon prints. */
#define ADDRESS_MAX 256
/* How long a wait for it is not given up, unless a signal comes. */
#define ASK_MS 1000

/* In the new process: become the daemon. */
static void run_daemon(char **argv, int out)
{
	const char *root = getenv("PVM_ROOT");
	char path[PATH_MAX];
	int null = (int)UNINTERRUPTED(open("/dev/null", O_RDONLY));

	setsid();
	if (null < 0 || UNINTERRUPTED(dup2(null, STDIN_FILENO)) < 0 ||
		UNINTERRUPTED(dup2(out, STDOUT_FILENO)) < 0)
		_exit(127);
	if (root) {
		snprintf(path, sizeof path, "%s/lib/pvmd", root);
		execv(path, argv);
	}
	execvp("pvmd3", argv);
	execvp("pvmd", argv);
	_exit(127);
}

/* Start the daemon as nobody's child; its stdout goes to `out`. 0 or PvmCantStart. */
static int launch(char **argv, int out)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			run_daemon(argv, out);
		_exit(pid < 0);
	}
	if (pid < 0)
		return PvmCantStart;
	if (UNINTERRUPTED(waitpid(pid, &status, 0)) < 0)
		return PvmCantStart;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : PvmCantStart;
}

/* Read the line with the daemon's address. 0, PvmCantStart, PvmSysErr: that is given up. */
static int read_address(int fd, char *address)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	while (len < ADDRESS_MAX - 1) {
		ssize_t n = poll(&p, 1, ASK_MS);

		if (n < 0 && errno != EINTR)
			break;
		if (n <= 0) {
			if (pvm__given_up())
				return PvmSysErr;
			continue;
		}
		n = UNINTERRUPTED(read(fd, address + len, 1));
		if (n <= 0 || address[len] == '\n')
			break;
		len++;
	}
	address[len] = 0;
	return len > 0 ? 0 : PvmCantStart;
}

/* Wait until the hosts of the host file are there: till then adding one is refused. */
static int wait_hosts(void)
{
	struct pvmhostinfo *hosts;
	struct timespec pause = { 0, 20 * 1000 * 1000 };
	struct held held;
	int code, n;

	for (;;) {
		code = pvm__result("pvm_config", pvm__list_hosts(&n, NULL, &hosts));
		if (code == 0 && n < 1)
			code = PvmDSysErr;
		if (code == 0)
			code = pvm__ask_code(TM_ADDHOST, pvm__compose("is", 1, hosts[0].hi_name));
		if (code != PvmAlready)
			return code < 0 ? code : 0;
		held = pvm__unlock_all();
		nanosleep(&pause, NULL);
		pvm__relock(&held);
	}
}

/* told: set if a daemon that was started has said itself that there is another one. */
static int start(int argc, char **argv, int block, bool *told)
{
	char address[ADDRESS_MAX];
	char **args;
	struct held held;
	int ends[2];
	int code;

	if (pvmmytid != -1)
		return PvmDupHost;
	pvm__disconnect();
	if (pvm__daemon_exists()) {
		pvm__connect();
		return PvmDupHost;
	}
	if (argc < 0 || (argc > 0 && !argv))
		return PvmBadParam;
	args = calloc((size_t)argc + 2, sizeof *args);
	if (!args)
		return PvmNoMem;
	args[0] = (char *)"pvmd";
	if (argc > 0)
		memcpy(args + 1, argv, (size_t)argc * sizeof *args);
	if (pipe2(ends, O_CLOEXEC) < 0) {
		free(args);
		return PvmSysErr;
	}
	code = launch(args, ends[1]);
	free(args);
	close(ends[1]);
	held = pvm__unlock_all();
	if (code == 0)
		code = read_address(ends[0], address);
	pvm__relock(&held);
	close(ends[0]);
	/* It finds one that cannot be found from here: its sock file is being written again. */
	if (code == PvmCantStart && pvm__daemon_exists()) {
		code = PvmDupHost;
		*told = true;
	}
	if (code == 0 && setenv("PVMSOCK", address, 1) < 0)
		code = PvmNoMem;
	if (code == 0)
		code = pvm__connect();
	return code == 0 && block ? wait_hosts() : code;
}

/* Tell, where errors are told at all, what a program may have wanted that finds a daemon. */
static int advise(int code, bool told)
{
	if (code == PvmDupHost && !told && pvm__task.option.auto_err > 0)
		pvm__log("a daemon runs already, and this program can use it; for a second virtual "
			 "machine set PVM_VMID to another name");
	return code;
}

/*
 * Start a daemon with the given arguments (argv has no argv[0]) and enrol with
 * it. It is $PVM_ROOT/lib/pvmd, or else pvmd3 or pvmd of the search path. `block`:
 * wait for all hosts of its host file. 0, PvmDupHost (one is running: the caller is a task
 * of it then), PvmCantStart, PvmSysErr.
 */
int pvm_start_pvmd(int argc, char **argv, int block)
{
	bool told = false;
	int code;

	API_ENTER_AS_IS(TEV_START_PVMD, TEV_DID_BF, block, TEV_DID_AS, argv, argc);
	code = start(argc, argv, block, &told);
	return API_LEAVE(TEV_START_PVMD, TEV_DID_CC,
		advise(pvm__result("pvm_start_pvmd", code), told));
}
