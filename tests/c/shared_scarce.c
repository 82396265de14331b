/* SPDX-License-Identifier: MIT */
/*
 * A task that may not have what shared memory takes exchanges messages all the same.
 *
 *     shared_scarce files|space|descriptors|locked|proc|memfd|eventfd|fallocate|group
 *
 * The first task starts others, which forbid themselves to write files, more address space, more
 * descriptors than so many, to lock memory, to see /proc, or a system call that shared memory needs;
 * or they enter the control group of the directory PVM_TEST_GROUP. They answer its messages. With
 * `group` they then send more than the group has memory for, which the first task does not receive
 * before all is sent.
 */
#define _GNU_SOURCE
#include "numbered.h"
#include "own_segment.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { ROUNDS = 60, LONGEST = 100000, FEWEST = 4, MOST = 16, ASK = 1, ANSWER, FLOOD };
enum { FLOOD_MESSAGES = 600 }; /* whose lengths are those of the rounds: 20 MB */

static const int lengths[] = { 8, 3000, LONGEST };

static void receive_number(int tid, int tag, int number)
{
	CHECK(pvm_recv(tid, tag) > 0);
	CHECK_INT(unpack_number(lengths[number % 3]), number);
}

static void limit(int what, rlim_t n)
{
	struct rlimit l;

	CHECK_INT(getrlimit(what, &l), 0);
	l.rlim_cur = n;
	CHECK_INT(setrlimit(what, &l), 0);
}

/* Bytes of address space in use. */
static rlim_t space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f && fscanf(f, "%lu", &pages) == 1);
	if (f)
		fclose(f);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* A system call fails from now on. */
static void refuse(unsigned number)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof code / sizeof code[0], .filter = code };

	CHECK_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	CHECK_INT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* The memory of this process is limited by a control group from now on. */
static void enter_group(void)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof path, "%s/cgroup.procs", getenv("PVM_TEST_GROUP"));
	f = fopen(path, "w");
	CHECK(f && fprintf(f, "%d", getpid()) > 0);
	CHECK(f && fclose(f) == 0);
}

static void forbid(const char *what, int n)
{
	if (strcmp(what, "files") == 0)
		limit(RLIMIT_FSIZE, 0);
	else if (strcmp(what, "space") == 0)
		limit(RLIMIT_AS, space() + (16 << 20));
	else if (strcmp(what, "descriptors") == 0)
		limit(RLIMIT_NOFILE, (rlim_t)n);
	else if (strcmp(what, "locked") == 0)
		limit(RLIMIT_MEMLOCK, 0);
	else if (strcmp(what, "memfd") == 0)
		refuse(SYS_memfd_create);
	else if (strcmp(what, "eventfd") == 0)
		refuse(SYS_eventfd2);
	else if (strcmp(what, "fallocate") == 0)
		refuse(SYS_fallocate);
	else if (strcmp(what, "group") == 0)
		enter_group();
	else
		CHECK_INT(chroot(getenv("PVM_TMP")), 0);
}

/* A file that says that a flood is sent. */
static const char *sent_file(void)
{
	static char path[300];

	snprintf(path, sizeof path, "%s/sent", getenv("PVM_TMP"));
	return path;
}

/* Send more than there is memory for to a task that does something else. */
static void flood(int parent)
{
	FILE *f;

	for (int i = 0; i < FLOOD_MESSAGES; i++)
		send_number(parent, FLOOD, i, lengths[i % 3]);
	f = fopen(sent_file(), "w");
	CHECK(f && fclose(f) == 0);
}

/* Do something else until all is sent, and receive it then. */
static void take_flood(int tid)
{
	while (access(sent_file(), F_OK) < 0)
		usleep(1000);
	for (int i = 0; i < FLOOD_MESSAGES; i++)
		receive_number(tid, FLOOD, i);
}

static int answer(const char *what, int n)
{
	int parent = pvm_parent();

	CHECK(parent > 0);
	forbid(what, n);
	for (int i = 0; i < ROUNDS && !check_failed; i++) {
		receive_number(parent, ASK, i);
		send_number(parent, ANSWER, i, lengths[i % 3]);
	}
	if (strcmp(what, "group") == 0)
		flood(parent);
	pvm_exit();
	return check_done();
}

static void ask(const char *what, int n)
{
	char number[8], role[20], *child[] = { role, number, NULL };
	int tid;

	snprintf(role, sizeof role, "%s", what);
	snprintf(number, sizeof number, "%d", n);
	CHECK_INT(pvm_spawn("shared_scarce", child, PvmTaskDefault, "", 1, &tid), 1);
	for (int i = 0; i < ROUNDS && !check_failed; i++) {
		send_number(tid, ASK, i, lengths[i % 3]);
		receive_number(tid, ANSWER, i);
	}
	if (strcmp(what, "group") == 0)
		take_flood(tid);
}

int main(int argc, char **argv)
{
	alarm(CHECK_SECONDS);
	if (argc > 2)
		return answer(argv[1], atoi(argv[2]));
	if (argc < 2)
		return 2;
	if (strcmp(argv[1], "descriptors") != 0)
		ask(argv[1], 0);
	for (int n = FEWEST; n <= MOST && strcmp(argv[1], "descriptors") == 0; n++)
		ask(argv[1], n);
	printf("%d by memory\n", own_segment() ? (int)own_segment()->messages : 0);
	pvm_exit();
	return check_done();
}
