/* SPDX-License-Identifier: MIT */
/*
 * pvmgroups: have the group server print all its groups.  It does so on its own standard
 * error, which for a server that was spawned ends up in the log of its host's daemon.
 */
#include "options.h"
#include "pvm3.h"

/* Of libgpvm3; pvm3.h does not declare it. */
void pvm_gsdump(void);

int main(int argc, char **argv)
{
	answer_options(argc, argv, "pvmgroups",
		"Have the group server print all groups, on its own standard error.");
	pvm_gsdump();
	pvm_exit();
	return 0;
}
