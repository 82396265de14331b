/* SPDX-License-Identifier: MIT */
/*
 * image_state CASE IMAGE: makes some state, writes an image, and checks that the state is what it
 * was: both in this process and in the one that is restarted. `cases` lists them.
 */
#define _GNU_SOURCE 1
#include "check.h"
#include "imager.h"

#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static const char *image;
static char directory[] = "/tmp/pvstateXXXXXX";

/* Write the image: 1 in the restarted process, 0 in this one. */
static int save(void)
{
	struct image_report report;
	struct image_order order = { .tid = 0x40002 };
	int rc = imager_save(image, &order, &report);

	if (rc < 0)
		exit(5);
	return rc;
}

static int make_file(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0640);

	CHECK_INT(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void check_content(int fd, off_t at, const char *expected)
{
	char text[100] = "";

	CHECK_INT(pread(fd, text, sizeof text - 1, at), strlen(expected));
	CHECK_TEXT(text, expected);
}

/* ---- files ------------------------------------------------------------------------ */

/* Each process writes to files of its own afterwards, so only reading is checked here. */
static void files(void)
{
	int fd = make_file("named", "0123456789"), twin = dup(fd), again = open("named", O_RDONLY);
	int appending = open("named", O_WRONLY | O_APPEND | O_CLOEXEC);
	int here = open(".", O_RDONLY | O_DIRECTORY), null = open("/dev/null", O_RDWR);
	int own = open("/proc/self/stat", O_RDONLY);
	char number[40] = "";

	lseek(fd, 4, SEEK_SET);
	lseek(again, 7, SEEK_SET);
	dup2(null, 200);
	save();
	CHECK_INT(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_INT(lseek(twin, 2, SEEK_CUR), 6);
	CHECK_INT(lseek(fd, 0, SEEK_CUR), 6);
	CHECK_INT(lseek(again, 0, SEEK_CUR), 7);
	check_content(again, 0, "0123456789");
	CHECK_INT(fcntl(appending, F_GETFL) & (O_ACCMODE | O_APPEND), O_WRONLY | O_APPEND);
	CHECK_INT(fcntl(appending, F_GETFD), FD_CLOEXEC);
	CHECK_INT(fcntl(fd, F_GETFD), 0);
	CHECK_INT(faccessat(here, "named", R_OK, 0), 0);
	CHECK_INT(write(200, "x", 1), 1);
	CHECK(read(own, number, sizeof number - 1) > 0);
	CHECK_INT(atoi(number), getpid());
	CHECK_INT(open("/dev/null", O_RDONLY), own + 1);
}

static void unlinked(void)
{
	int fd = make_file("gone", "what was written"), reading = open("gone", O_RDONLY);
	struct stat st;

	fchmod(fd, 0604);
	lseek(fd, 5, SEEK_SET);
	unlink("gone");
	ftruncate(fd, 300000);
	pwrite(fd, "far", 3, 200000);
	save();
	CHECK_INT(lseek(fd, 0, SEEK_CUR), 5);
	CHECK_INT(fstat(fd, &st), 0);
	CHECK_INT(st.st_size, 300000);
	CHECK_INT(st.st_mode & 0777, 0604);
	CHECK_INT(st.st_nlink, 0);
	CHECK_INT(pwrite(fd, "W", 1, 0), 1);
	CHECK_INT(pwrite(reading, "W", 1, 0), -1);
	char text[20] = "";
	CHECK_INT(pread(fd, text, 16, 0), 16);
	CHECK_TEXT(text, "What was written");
	CHECK_INT(pread(reading, text, 3, 200000), 3);
	CHECK(memcmp(text, "far", 3) == 0);
}

/* ---- signals ------------------------------------------------------------------------ */

static volatile sig_atomic_t counted;
static volatile uintptr_t handler_stack;

static void count(int signum)
{
	(void)signum;
	counted++;
	handler_stack = (uintptr_t)__builtin_frame_address(0);
}

static void waiting(void)
{
	sigset_t set;
	siginfo_t info;
	struct timespec none = { 0, 0 };

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int i = 0; i < 3; i++)
		sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = 40 + i });
	raise(SIGUSR1);
	save();
	for (int i = 0; i < 3; i++) {
		sigdelset(&set, SIGUSR1);
		CHECK_INT(sigtimedwait(&set, &info, &none), SIGRTMIN + 3);
		CHECK_INT(info.si_value.sival_int, 40 + i);
	}
	signal(SIGUSR1, count);
	CHECK_INT(counted, 0);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK_INT(counted, 1);
}

static void masks(void)
{
	struct sigaction action = { .sa_handler = count, .sa_flags = SA_RESETHAND }, now;
	sigset_t set, after;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGRTMAX);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigaddset(&action.sa_mask, SIGWINCH);
	sigaction(SIGUSR2, &action, NULL);
	signal(SIGTERM, SIG_IGN);
	save();
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i <= SIGRTMAX; i++)
		CHECK_INT(sigismember(&after, i), i == SIGHUP || i == SIGRTMAX);
	sigaction(SIGUSR2, NULL, &now);
	CHECK(now.sa_handler == count && now.sa_flags & SA_RESETHAND);
	CHECK_INT(sigismember(&now.sa_mask, SIGWINCH), 1);
	CHECK(signal(SIGTERM, SIG_DFL) == SIG_IGN);
	raise(SIGUSR2);
	CHECK_INT(counted, 1);
}

static void save_in_handler(int signum)
{
	volatile char here[5000];

	memset((char *)here, signum, sizeof here);
	save();
	for (size_t i = 0; i < sizeof here; i++)
		counted += here[i] == signum;
}

static void stack(void)
{
	static char room[65536];
	stack_t alternate = { .ss_sp = room, .ss_size = sizeof room }, now;
	struct sigaction action = { .sa_handler = save_in_handler, .sa_flags = SA_ONSTACK };

	sigaltstack(&alternate, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	CHECK_INT(counted, 5000);
	sigaltstack(NULL, &now);
	CHECK(now.ss_sp == room && now.ss_size == sizeof room && now.ss_flags == 0);
	action.sa_handler = count;
	sigaction(SIGUSR2, &action, NULL);
	raise(SIGUSR2);
	CHECK(handler_stack - (uintptr_t)room < sizeof room);
}

static void timers(void)
{
	struct itimerval soon = { .it_interval = { 5, 0 }, .it_value = { 0, 300000 } };
	struct itimerval profile = { .it_value = { 1000, 0 } }, now;
	struct timespec before, after;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	setitimer(ITIMER_PROF, &profile, NULL);
	save();
	getitimer(ITIMER_REAL, &now);
	CHECK_INT(now.it_interval.tv_sec, 5);
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK_INT(sigwaitinfo(&set, NULL), SIGALRM);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK(after.tv_sec - before.tv_sec < 5);
	getitimer(ITIMER_PROF, &now);
	CHECK(now.it_value.tv_sec > 900 && now.it_value.tv_sec <= 1000);
}

/* ---- memory ------------------------------------------------------------------------- */

enum { PAGE = 4096 };

static char *pages(int fd, int flags, size_t n)
{
	return mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
}

static void memory(void)
{
	static const unsigned char seven[] = { 0xb8, 7, 0, 0, 0, 0xc3 }; /* return 7 */
	int fd = make_file("mapped", "shared"), private = make_file("private", "unwritten");
	char *hidden = pages(-1, MAP_PRIVATE | MAP_ANONYMOUS, 3), *code, *shared, *own;
	char *large = malloc(5 << 20), *low = sbrk(0);

	ftruncate(fd, 2 * PAGE);
	ftruncate(private, 3 * PAGE);
	strcpy(hidden + PAGE, "hidden");
	mprotect(hidden, 3 * PAGE, PROT_NONE);
	code = pages(-1, MAP_PRIVATE | MAP_ANONYMOUS, 1);
	memcpy(code, seven, sizeof seven);
	mprotect(code, PAGE, PROT_READ | PROT_EXEC);
	shared = pages(fd, MAP_SHARED, 2);
	own = pages(private, MAP_PRIVATE, 3);
	strcpy(own + PAGE, "written");
	CHECK_INT(pwrite(private, "to be cleared", 13, 2 * PAGE), 13);
	memset(own + 2 * PAGE, 0, PAGE);
	mprotect(own, 3 * PAGE, PROT_READ);
	close(fd);
	close(private);
	memset(large, 3, 5 << 20);
	CHECK(sbrk(10 * PAGE) == low);
	strcpy(low, "heap");
	save();
	mprotect(hidden, 3 * PAGE, PROT_READ);
	CHECK_TEXT(hidden + PAGE, "hidden");
	CHECK_INT(hidden[0], 0);
	CHECK_INT(((int (*)(void))code)(), 7);
	CHECK_TEXT(shared, "shared");
	CHECK_TEXT(own, "unwritten");
	CHECK_TEXT(own + PAGE, "written");
	CHECK_TEXT(own + 2 * PAGE, "");
	CHECK_TEXT(low, "heap");
	CHECK_INT(large[(5 << 20) - 1], 3);
	strcpy(shared + PAGE, imager_restarts() ? "new" : "first");
	fd = open("mapped", O_RDONLY);
	CHECK_INT(pread(fd, low, 4, PAGE), 4);
	CHECK(memcmp(low, shared + PAGE, 4) == 0);
	mprotect(own, 3 * PAGE, PROT_READ | PROT_WRITE);
	strcpy(own, "changed");
}

static void heap_grows(void)
{
	char *low = sbrk(0);

	save();
	CHECK(sbrk(0) == low);
	CHECK(sbrk(100 * PAGE) == low);
	strcpy(low + 99 * PAGE, "there");
	CHECK_INT(brk(low), 0);
}

/* A page below the stack that was never touched. */
static void stack_grows(void)
{
	volatile char *here = (volatile char *)__builtin_frame_address(0);

	save();
	for (size_t at = 0; at < 2 << 20; at += PAGE)
		here[-(long)at - 200000] = 1;
	CHECK_INT(here[-200000], 1);
}

/* A library that was replaced while it was in use. */
static void deleted_mapping(void)
{
	int fd = make_file("library", "code and data");
	char *mapped = pages(fd, MAP_PRIVATE, 1);

	mprotect(mapped, PAGE, PROT_READ);
	close(fd);
	unlink("library");
	save();
	CHECK_TEXT(mapped, "code and data");
}

/* ---- the process ----------------------------------------------------------------------- */

static _Thread_local int local = 1;

static void process(void)
{
	struct rlimit limit = { 100, 200 }, now;
	unsigned long vendor = getauxval(AT_PAGESZ);
	char name[16], command[200] = "", path[200], expected[200];
	int fd;

	umask(027);
	setrlimit(RLIMIT_NOFILE, &limit);
	prctl(PR_SET_NAME, "renamed");
	setenv("ANYTHING", "kept", 1);
	local = 77;
	errno = EDOM;
	fesetround(FE_UPWARD);
	getcwd(expected, sizeof expected);
	save();
	CHECK_INT(errno, EDOM);
	CHECK_INT(fegetround(), FE_UPWARD);
	CHECK_INT(local, 77);
	CHECK_INT(umask(0), 027);
	getrlimit(RLIMIT_NOFILE, &now);
	CHECK(now.rlim_cur == 100 && now.rlim_max == 200);
	prctl(PR_GET_NAME, name);
	CHECK_TEXT(name, "renamed");
	CHECK_TEXT(getenv("ANYTHING"), "kept");
	CHECK_INT(getauxval(AT_PAGESZ), vendor);
	CHECK_TEXT(getcwd(path, sizeof path), expected);
	fd = open("/proc/self/cmdline", O_RDONLY);
	CHECK(read(fd, command, sizeof command) > 0);
	CHECK(strstr(command, "image_state"));
	signal(SIGUSR1, count);
	raise(SIGUSR1);
	CHECK_INT(counted, 1);
	CHECK_INT(gettid(), getpid());
}

static void children(void)
{
	int status = 0;
	pid_t child;

	save();
	child = fork();
	if (!child)
		_exit(getpid() == gettid() ? 6 : 7);
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK_INT(WEXITSTATUS(status), 6);
}

static void clocks(void)
{
	struct timespec before, after;

	clock_gettime(CLOCK_REALTIME, &before);
	save();
	clock_gettime(CLOCK_REALTIME, &after);
	CHECK(after.tv_sec >= before.tv_sec && after.tv_sec < before.tv_sec + 3600);
	/* This one may be behind by a tick. */
	CHECK(time(NULL) >= after.tv_sec - 1 && time(NULL) < after.tv_sec + 100);
}

/* ---- the call ---------------------------------------------------------------------------- */

static void extra(void)
{
	char stash[100000];
	struct image_report report;
	struct image_extra records[] = { { IMAGE_PVM, "pvm", 4 },
		{ IMAGE_STASH, stash, sizeof stash }, { IMAGE_STASH + 5, "", 0 } };
	struct image_order order = { .extra = records, .extras = 3 };
	size_t length = 0;
	const char *back;

	memset(stash, 's', sizeof stash);
	if (imager_save(image, &order, &report) == 0) {
		CHECK(!pvm__image_extra(&report, IMAGE_PVM, &length));
		CHECK(report.bytes > sizeof stash);
		return;
	}
	memset(stash, 'x', sizeof stash);
	CHECK_TEXT(pvm__image_extra(&report, IMAGE_PVM, &length), "pvm");
	CHECK_INT(length, 4);
	back = pvm__image_extra(&report, IMAGE_STASH, &length);
	CHECK_INT(length, sizeof stash);
	CHECK(back && back[0] == 's' && back[length - 1] == 's');
	CHECK(pvm__image_extra(&report, IMAGE_STASH + 5, &length) && !length);
	CHECK(!pvm__image_extra(&report, IMAGE_STASH + 6, &length));
	pvm__image_forget(&report);
}

/* What the process does after it has begun is not in the image; its wait does not see the child. */
static void snapshot(void)
{
	volatile int value = 1;
	struct image_report report;
	struct image_order order = { .how = IMAGE_SNAPSHOT };
	int status, rc = imager_save(image, &order, &report);

	if (rc == 1) {
		CHECK_INT(value, 1);
		return;
	}
	value = 2;
	CHECK_INT(rc, 0);
	CHECK(report.writer > 0);
	CHECK_INT(wait(&status), -1);
	CHECK_INT(waitpid(report.writer, &status, __WALL), report.writer);
	CHECK_INT(status, 0);
}

/* The writer is a child of the parent, which waits for it as for any other. */
static void orphan(void)
{
	struct image_report report;
	struct image_order order = { .how = IMAGE_SNAPSHOT | IMAGE_ORPHAN };
	int status = 1;
	pid_t child = fork();

	if (!child && imager_save(image, &order, &report) != 1)
		_exit(report.writer <= 0);
	if (!child)
		return;
	for (int i = 0; i < 2; i++) {
		CHECK(wait(&status) > 0);
		CHECK_INT(status, 0);
	}
	CHECK_INT(wait(&status), -1);
}

/* Descriptors that the caller calls its own are left out. */
static void own_descriptors(void)
{
	int ends[2];
	struct image_report report;
	struct image_order order = { .own = ends, .owned = 2 };

	CHECK_INT(pipe(ends), 0);
	if (imager_save(image, &order, &report) == 1) {
		CHECK_INT(fcntl(ends[0], F_GETFD), -1);
		CHECK_INT(fcntl(ends[1], F_GETFD), -1);
	} else {
		CHECK_INT(write(ends[1], "x", 1), 1);
	}
}

/*
 * Read where memory is, and with which protection; what else there is about it may change, so
 * neighbours of one protection are one.
 */
static void read_places(char *text, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[500], protection[5], before[5] = "";
	unsigned long start, end, first = 0, last = 0;
	size_t n = 0, written = 0;

	while (fgets(line, sizeof line, maps) && n + 60 < size) {
		CHECK_INT(sscanf(line, "%lx-%lx %4s", &start, &end, protection), 3);
		if (start != last || strcmp(protection, before) != 0) {
			n += written;
			first = start;
		}
		written = (size_t)sprintf(text + n, "%lx-%lx %s\n", first, end, protection);
		last = end;
		strcpy(before, protection);
	}
	fclose(maps);
}

/* Compare texts; what is shown begins with the first line that differs. */
static void check_lines(const char *text, const char *expected)
{
	while (*text && *text == *expected)
		text += 1, expected += 1;
	CHECK_TEXT(text, expected);
}

/* Nothing stays behind, neither of the image nor of the restarter. */
static void traceless(void)
{
	static char before[20000], after[20000];
	int free = open("/dev/null", O_RDONLY);

	close(free);
	read_places(before, sizeof before);
	read_places(before, sizeof before);
	save();
	read_places(after, sizeof after);
	check_lines(after, before);
	CHECK_INT(open("/dev/null", O_RDONLY), free);
}

/* ---- memory that children do not get ------------------------------------------------ */

/* What a child finds at the beginning of some memory. */
static int seen_by_child(const char *memory)
{
	int status = -1;
	pid_t child = fork();

	if (!child)
		_exit(memory[0]);
	CHECK_INT(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void wiped(void)
{
	enum { PAGE = 4096, PAGES = 4 };
	char *memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);

	memset(memory, 'x', PAGES * PAGE);
	CHECK_INT(madvise(memory + PAGE, 2 * PAGE, MADV_WIPEONFORK), 0);
	mprotect(memory + 2 * PAGE, PAGE, PROT_READ);
	save();
	for (int i = 0; i < PAGES; i++) {
		CHECK_INT(memory[i * PAGE], 'x');
		CHECK_INT(seen_by_child(memory + i * PAGE), i == 1 || i == 2 ? 0 : 'x');
	}
}

/* Restarted, it is empty, as it may be at any time; and that of the restarted process is so again. */
static void droppable(void)
{
	enum { DROPPABLE = 8, LENGTH = 2 * PAGE };
	char *memory = pages(-1, MAP_ANONYMOUS | DROPPABLE, 2);

	if (memory == MAP_FAILED)
		return;
	memset(memory, 'x', LENGTH);
	CHECK_INT(memory[LENGTH - 1], save() ? 0 : 'x');
	memset(memory, 'y', LENGTH);
	CHECK_INT(memory[LENGTH - 1], 'y');
	CHECK_INT(seen_by_child(memory), 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "files", files },
	{ "unlinked", unlinked },
	{ "waiting", waiting },
	{ "masks", masks },
	{ "stack", stack },
	{ "timers", timers },
	{ "memory", memory },
	{ "heap_grows", heap_grows },
	{ "stack_grows", stack_grows },
	{ "deleted_mapping", deleted_mapping },
	{ "process", process },
	{ "children", children },
	{ "clocks", clocks },
	{ "traceless", traceless },
	{ "extra", extra },
	{ "snapshot", snapshot },
	{ "orphan", orphan },
	{ "own_descriptors", own_descriptors },
	{ "wiped", wiped },
	{ "droppable", droppable },
};

/* The directory stays for the process that is restarted, which removes it. */
static void remove_directory(void)
{
	static const char *const names[] = { "named", "mapped", "private" };

	if (!imager_restarts())
		return;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(names[i]);
	CHECK_INT(rmdir(directory), 0);
}

int main(int argc, char **argv)
{
	if (argc != 3 || !mkdtemp(directory) || chdir(directory))
		return 2;
	image = argv[2];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (strcmp(cases[i].name, argv[1]) == 0)
			cases[i].run();
	remove_directory();
	printf("restarted %d\n", imager_restarts());
	return check_done();
}
