/* SPDX-License-Identifier: MIT */
/*
 * Files in PVM_TMP: names that others have taken, a directory named relative to this one, sock
 * files that are not to be believed.
 */
#include <sys/stat.h>

#include "check.h"

char *pvmtmpnam(char *name);

enum { TAKEN = 200, TAG = 5, LAST = 6, VALUE = 77 };

/* Enrol, and exchange a message with a child by a direct route. */
static void use(char **argv)
{
	int tid = pvm_mytid(), child = 0, started, value;

	CHECK(tid > 0);
	started = check_spawn(argv, "echo", 1, &child);
	CHECK(started == 1);
	pvm_setopt(PvmRoute, PvmRouteDirect);
	check_send_int(child, TAG, VALUE);
	value = check_recv_int(child, TAG);
	CHECK(value == VALUE);
	check_send_int(child, LAST, 0);
	pvm_exit();
}

static void name_of(char *path, size_t size, int number)
{
	snprintf(path, size, "%s/pvmtmp%06d.%d", getenv("PVM_TMP"), (int)getpid(), number);
}

/* The next names of this process are there already. */
static void names_are_taken(char **argv)
{
	char path[200];
	FILE *file;

	for (int i = 0; i < TAKEN; i++) {
		name_of(path, sizeof path, i);
		file = fopen(path, "w");
		CHECK(file != NULL);
		if (file)
			fclose(file);
	}
	use(argv);
	for (int i = 0; i < TAKEN; i++) {
		name_of(path, sizeof path, i);
		CHECK(unlink(path) == 0);
	}
}

/* The library's names do not use up those that a program gets. */
static void names_of_the_program(void)
{
	char first[200], second[200];
	int tid;

	pvmtmpnam(first);
	tid = pvm_mytid();
	CHECK(tid > 0);
	pvm_exit();
	pvmtmpnam(second);
	CHECK(strcmp(first, second) != 0);
	CHECK(first[0] == '/' && access(first, F_OK) != 0);
}

static void relative_directory(char **argv)
{
	char before[200];

	snprintf(before, sizeof before, "%s", getenv("PVM_TMP"));
	CHECK(chdir(before) == 0);
	setenv("PVM_TMP", ".", 1);
	use(argv);
	setenv("PVM_TMP", before, 1);
}

/* ---- sock files ------------------------------------------------------------------ */

static void make_fifo(const char *path)
{
	mkfifo(path, 0600);
}

static void make_directory(const char *path)
{
	mkdir(path, 0700);
}

static void write_address(const char *path, mode_t mode, uid_t owner)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return;
	fprintf(file, "%s", getenv("PVM_TEST_ADDRESS"));
	fclose(file);
	if (chmod(path, mode) < 0 || chown(path, owner, (gid_t)-1) < 0)
		unlink(path);
}

static void make_link(const char *path)
{
	if (symlink("elsewhere", path) == 0)
		write_address(path, 0600, geteuid());
}

static void make_open(const char *path)
{
	write_address(path, 0622, geteuid());
}

/* Only root can. */
static void make_foreign(const char *path)
{
	write_address(path, 0666, 65534);
}

/* No task waits at such a file, or goes where it leads, though the machine's daemon is there. */
static void unbelievable(const char *directory)
{
	void (*const makers[])(const char *) = { make_fifo, make_directory, make_link, make_open,
		make_foreign };
	char path[300], elsewhere[300];
	int tid;

	snprintf(path, sizeof path, "%s/pvmd.%u", directory, (unsigned)geteuid());
	snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", directory);
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
		makers[i](path);
		tid = pvm_mytid();
		CHECK(tid == PvmSysErr);
		remove(path);
		remove(elsewhere);
	}
	/* The same address in a file of this user alone. */
	write_address(path, 0600, geteuid());
	tid = pvm_mytid();
	CHECK(tid > 0);
	pvm_exit();
	remove(path);
}

/* A path is refused rather than cut. */
static void long_vmid(void)
{
	char vmid[1000];
	int tid;

	memset(vmid, 'v', sizeof vmid - 1);
	vmid[sizeof vmid - 1] = '\0';
	setenv("PVM_VMID", vmid, 1);
	tid = pvm_mytid();
	CHECK(tid == PvmSysErr);
	unsetenv("PVM_VMID");
}

/* What the machine's sock file says. */
static void keep_address(void)
{
	char path[200], address[200] = "";
	FILE *file;

	snprintf(path, sizeof path, "%s/pvmd.%u", getenv("PVM_TMP"), (unsigned)geteuid());
	file = fopen(path, "r");
	CHECK(file && fgets(address, sizeof address, file));
	if (file)
		fclose(file);
	setenv("PVM_TEST_ADDRESS", address, 1);
}

int main(int argc, char **argv)
{
	char directory[200];

	check_start();
	if (argc > 1)
		return check_echo(LAST);
	names_of_the_program();
	/* 3.4.6 believes what is there, and waits for ever at a FIFO. */
	if (!check_ours("library"))
		return check_done();
	names_are_taken(argv);
	relative_directory(argv);
	keep_address();
	CHECK(check_directory(directory, sizeof directory));
	setenv("PVM_TMP", directory, 1);
	unsetenv("PVMSOCK");
	unbelievable(directory);
	long_vmid();
	CHECK(rmdir(directory) == 0);
	return check_done();
}
