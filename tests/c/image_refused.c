/* SPDX-License-Identifier: MIT */
/*
 * image_refused CASE: does what cannot be imaged, and says why not, as imager.h has it; "skip" and
 * a reason where that cannot be done here. Afterwards everything goes on: the call changes nothing.
 */
#define _GNU_SOURCE 1
#include "imager.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void skip(const char *why)
{
	printf("skip: %s\n", why);
	exit(0);
}

/* The checkpointer says what it says; the image would go nowhere. */
static void ask(void)
{
	struct image_report report;
	struct image_order order = { 0 };

	if (imager_save("/dev/null", &order, &report) >= 0)
		printf("not refused\n");
}

/* The same with what is open. */
static void ask_to(int fd)
{
	struct image_report report;
	struct image_order order = { .fd = fd };

	if (pvm__image_save(&order, &report) >= 0)
		printf("not refused\n");
	else
		printf("refused %d: %s: %ld: %s\n", report.reason,
			pvm__image_reasons[report.reason], report.detail, report.where);
}

static void *wait_forever(void *nothing)
{
	pause();
	return nothing;
}

static void threads(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, wait_forever, NULL);
	ask();
}

static void children(void)
{
	pid_t child = fork();

	if (!child)
		wait_forever(NULL);
	ask();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void zombies(void)
{
	siginfo_t info;
	pid_t child = fork();

	if (!child)
		_exit(0);
	waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	ask();
}

static void traced(void)
{
	pid_t child = fork();

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		ask();
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

static void rights(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	ask();
}

static void segments(void)
{
	struct {
		unsigned number, base, limit, flags;
	} segment = { 0, 0, 1, 1 };

	if (syscall(SYS_modify_ldt, 1, &segment, sizeof segment) < 0)
		skip("the kernel has no segments for programs");
	ask();
}

static void locked(void)
{
	static char page[8192];

	if (mlock(page, sizeof page) < 0)
		skip("no memory may be locked");
	ask();
}

static void posix_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	timer_t timer;

	if (access("/proc/self/timers", R_OK) < 0)
		skip("the kernel does not list timers");
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	ask();
}

static void many_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 1500; i++)
		if (sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }) < 0)
			skip("not so many signals may wait");
	ask();
}

static void shared_anonymous(void)
{
	mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ask();
}

static void system_v(void)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);

	shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	ask();
}

static void posix_shared(void)
{
	char name[40];
	int fd;

	snprintf(name, sizeof name, "/image_refused%d", getpid());
	fd = shm_open(name, O_RDWR | O_CREAT, 0600);
	ftruncate(fd, 4096);
	mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	ask();
	shm_unlink(name);
}

static void huge_pages(void)
{
	if (mmap(NULL, 2 << 20, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		skip("there are no huge pages");
	ask();
}

static void async_io(void)
{
	unsigned long context = 0;

	if (syscall(SYS_io_setup, 4, &context) < 0)
		skip("the kernel has no asynchronous input and output");
	ask();
}

static void sockets(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
	ask();
}

static void pipes(void)
{
	int ends[2];

	if (pipe(ends) == 0)
		ask();
}

static void epolls(void)
{
	epoll_create1(0);
	ask();
}

static void events(void)
{
	eventfd(0, 0);
	ask();
}

static void timer_descriptors(void)
{
	timerfd_create(CLOCK_MONOTONIC, 0);
	ask();
}

static void signal_descriptors(void)
{
	sigset_t set;

	sigemptyset(&set);
	signalfd(-1, &set, 0);
	ask();
}

static void watches(void)
{
	inotify_init1(0);
	ask();
}

static void rings(void)
{
	char parameters[120] = "";

	if (syscall(SYS_io_uring_setup, 4, parameters) < 0)
		skip("the kernel has no io_uring");
	ask();
}

static void anonymous_files(void)
{
	memfd_create("name", 0);
	ask();
}

static void terminals(void)
{
	if (posix_openpt(O_RDWR | O_NOCTTY) < 0)
		skip("there are no terminals");
	ask();
}

static void devices(void)
{
	if (open("/dev/kmsg", O_RDONLY) < 0)
		skip("/dev/kmsg cannot be opened");
	ask();
}

/* A new file without a name. */
static int new_file(void)
{
	char name[] = "/tmp/pvrefusedXXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	return fd;
}

static void whole_locks(void)
{
	flock(new_file(), LOCK_EX);
	ask();
}

static void record_locks(void)
{
	struct flock lock = { .l_type = F_WRLCK };

	fcntl(new_file(), F_SETLK, &lock);
	ask();
}

static void large_unlinked(void)
{
	ftruncate(new_file(), IMAGE_UNLINKED_MAX + 1L);
	ask();
}

static void full_disk(void)
{
	ask_to(open("/dev/full", O_WRONLY));
}

/* A pipe whose reader is gone: an error, and no signal. */
static void broken_pipe(void)
{
	int ends[2];

	signal(SIGPIPE, SIG_DFL);
	if (pipe(ends) < 0)
		return;
	close(ends[0]);
	ask_to(ends[1]);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "threads", threads },
	{ "children", children },
	{ "zombies", zombies },
	{ "traced", traced },
	{ "rights", rights },
	{ "segments", segments },
	{ "locked", locked },
	{ "posix_timer", posix_timer },
	{ "many_signals", many_signals },
	{ "shared_anonymous", shared_anonymous },
	{ "system_v", system_v },
	{ "posix_shared", posix_shared },
	{ "huge_pages", huge_pages },
	{ "async_io", async_io },
	{ "sockets", sockets },
	{ "pipes", pipes },
	{ "epolls", epolls },
	{ "events", events },
	{ "timer_descriptors", timer_descriptors },
	{ "signal_descriptors", signal_descriptors },
	{ "watches", watches },
	{ "rings", rings },
	{ "anonymous_files", anonymous_files },
	{ "terminals", terminals },
	{ "devices", devices },
	{ "whole_locks", whole_locks },
	{ "record_locks", record_locks },
	{ "large_unlinked", large_unlinked },
	{ "full_disk", full_disk },
	{ "broken_pipe", broken_pipe },
};

int main(int argc, char **argv)
{
	alarm(100);
	for (size_t i = 0; argc == 2 && i < sizeof cases / sizeof *cases; i++)
		if (strcmp(cases[i].name, argv[1]) == 0)
			cases[i].run();
	printf("went on\n");
	return 0;
}
