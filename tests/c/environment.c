/* SPDX-License-Identifier: MIT */
/* The library sees each change of the environment, though it does not search that anew each time. */
#include "check.h"

char *pvmgetrsh(void);
char *pvmgettmp(void);

/* Twice, as the second call may use what the first one has found. */
static void check_tmp(const char *expected)
{
	CHECK_TEXT(pvmgettmp(), expected);
	CHECK_TEXT(pvmgettmp(), expected);
}

int main(void)
{
	static char own[] = "PVM_TMP=/four";

	check_start();
	unsetenv("PVM_TMP");
	unsetenv("PVM_RSH");
	CHECK(setenv("BEFORE", "x", 1) == 0);
	check_tmp("/tmp");
	CHECK(setenv("PVM_TMP", "/one", 1) == 0);
	check_tmp("/one");
	CHECK(setenv("PVM_TMP", "/two", 1) == 0);
	check_tmp("/two");
	unsetenv("BEFORE");
	check_tmp("/two");
	CHECK(setenv("PVM_TMP", "", 1) == 0);
	check_tmp("/tmp");
	CHECK(putenv(own) == 0);
	check_tmp("/four");
	memcpy(strchr(own, '/'), "/five", 5);
	check_tmp("/five");

	CHECK(pvmgetrsh()[0] == '/');
	CHECK(setenv("PVM_RSH", "/my/shell", 1) == 0);
	CHECK_TEXT(pvmgetrsh(), "/my/shell");
	unsetenv("PVM_RSH");
	CHECK(pvmgetrsh()[0] == '/' && strcmp(pvmgetrsh(), "/my/shell") != 0);
	/* One goes and another comes: there are as many as before. */
	CHECK(setenv("BEFORE", "x", 1) == 0);
	CHECK(strcmp(pvmgetrsh(), "/my/shell") != 0);
	unsetenv("BEFORE");
	CHECK(setenv("PVM_RSH", "/new/shell", 1) == 0);
	CHECK_TEXT(pvmgetrsh(), "/new/shell");

	CHECK(clearenv() == 0);
	check_tmp("/tmp");
	CHECK(setenv("PVM_TMP", "/six", 1) == 0);
	check_tmp("/six");
	return check_done();
}
