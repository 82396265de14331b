/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "error.h"
#include "hpvm.h"
#include "join.h"
#include "machine.h"
#include "pvm3.h"

static struct {
	bool joined;
	pid_t starter; /* the process that started the machine, or 0 */
	struct hpvm_hosts *hosts;
} machine;

/* At the program's end. A child that it has forked ends nothing. The daemon ends all tasks by
 * SIGTERM, and the program is one. */
static void halt(void)
{
	if (machine.starter != getpid())
		return;
	signal(SIGTERM, SIG_IGN);
	pvm_setopt(PvmAutoErr, 0);
	pvm_halt();
}

static void say(const char *line)
{
	hpvm__say("%s", line);
}

/* Read the hosts file, if there is one: HPVM_OK or HPVM_BADHOSTS. */
static int read_hosts(void)
{
	char path[PATH_MAX], why[2048];

	if (!hpvm_hosts_find(path, sizeof path))
		return HPVM_OK;
	machine.hosts = hpvm_hosts_read(path, why, sizeof why);
	if (machine.hosts && hpvm_hosts_place(machine.hosts, path, why, sizeof why))
		return HPVM_OK;
	hpvm_hosts_free(machine.hosts);
	machine.hosts = NULL;
	return hpvm__fail(HPVM_BADHOSTS, "%s", why);
}

/* 1 if a machine was started, 0 if there was one; a negative code of PVM. */
static int find_machine(void)
{
	int code, autoerr;

	if (machine.hosts)
		return hpvm_machine_complete(machine.hosts, say);
	autoerr = pvm_setopt(PvmAutoErr, 0);
	code = pvm_start_pvmd(0, NULL, 1);
	pvm_setopt(PvmAutoErr, autoerr);
	return code == PvmDupHost ? 0 : code < 0 ? code : 1;
}

static int join(void)
{
	int started, result = read_hosts();

	if (result)
		return result;
	started = find_machine();
	if (started < 0)
		return hpvm__fail(HPVM_PVM,
			"hpvm_spawn: there is no virtual machine, and none could be started (%d)",
			started);
	if (started && !machine.starter && atexit(halt) == 0)
		machine.starter = getpid();
	machine.joined = true;
	return HPVM_OK;
}

int hpvm__join(const struct hpvm_hosts **hosts)
{
	int result = machine.joined ? HPVM_OK : join();

	*hosts = machine.hosts;
	return result;
}
