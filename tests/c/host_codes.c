/* SPDX-License-Identifier: MIT */
/*
 * Error codes that need more than one host:
 *
 *     host_codes DIRECTORY MASTER SLAVE OLD BROKEN SLOW ABSENT
 *
 * Run by hand on the master of a machine, to which SLAVE can be added, but none of the others:
 * the daemon there has another protocol, does not start, does not start and takes its time until
 * there is a file "go" in the directory (it makes a file "begun" first), there is no such host.
 * Afterwards
 *
 *     host_codes frozen SLAVE
 *
 * while the slave's daemon is stopped.
 */
#include <sys/wait.h>

#include "check.h"

enum { TAG_CODE = 1 };

static char *directory;

static bool there_is(const char *name)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return access(path, F_OK) == 0;
}

static void make(const char *name)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	file = fopen(path, "w");
	if (file)
		fclose(file);
}

/* The code of one host that cannot be added. */
static int added(char *name)
{
	int status = 1;

	return pvm_addhosts(&name, 1, &status) == 0 ? status : 4711;
}

static void adding(char **names)
{
	CHECK_CODE("pvm_addhosts() of the own host", added(names[0]), PvmDupHost);
	CHECK_CODE("pvm_addhosts() of a host that is there", added(names[1]), PvmDupHost);
	CHECK_CODE("pvm_addhosts() with another protocol", added(names[2]), PvmBadVersion);
	CHECK_CODE("pvm_addhosts() of a broken host", added(names[3]), PvmCantStart);
	CHECK_CODE("pvm_addhosts() of no host", added(names[5]), PvmNoHost);
}

/* Another task, which adds a host when there is a file "ask"; made before the first call. */
static pid_t other_adder(char *slow)
{
	pid_t pid = fork();

	if (pid == 0) {
		while (!there_is("ask"))
			usleep(10000);
		pvm_addhosts(&slow, 1, NULL);
		pvm_exit();
		_exit(0);
	}
	return pid;
}

/* While a host is being added by another task no other can be. */
static void adding_at_the_same_time(pid_t pid, char *slow)
{
	int status = -1, code;

	make("ask");
	while (!there_is("begun"))
		usleep(10000);
	CHECK_INT(pvm_addhosts(&slow, 1, &code), PvmAlready);
	make("go");
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
}

/* On the slave: tell what becomes of an offer to start hosts. */
static int child(void)
{
	int parent = pvm_parent();

	check_send_int(parent, TAG_CODE, pvm_reg_hoster());
	pvm_exit();
	return 0;
}

static void hoster_on_a_slave(char **argv, char *slave)
{
	char *role[] = { "child", NULL };
	int tid;

	CHECK_INT(pvm_spawn(argv[0], role, PvmTaskHost, slave, 1, &tid), 1);
	CHECK_CODE("pvm_reg_hoster() on a slave", check_recv_int(tid, TAG_CODE), PvmHostrNMstr);
}

/* The slave's daemon does not answer, and is given up while two tasks ask. */
static int frozen(char *slave)
{
	enum { SLAVE = 2 << 18 };
	struct timeval clock;
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_INT(pvm_mstat(slave), PvmHostFail);
		pvm_exit();
		fflush(stdout);
		_exit(check_failed != 0);
	}
	CHECK_INT(pvm_hostsync(SLAVE, &clock, NULL), PvmHostFail);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	int status = 0;
	pid_t other;

	check_start();
	if (argc == 2)
		return child();
	if (argc == 3)
		return frozen(argv[2]);
	if (argc != 8)
		return 2;
	directory = argv[1];
	other = other_adder(argv[6]);
	CHECK_INT(pvm_addhosts(argv + 3, 1, &status), 1);
	CHECK(status > 0);
	adding(argv + 2);
	adding_at_the_same_time(other, argv[6]);
	hoster_on_a_slave(argv, argv[3]);
	pvm_exit();
	return check_done();
}
