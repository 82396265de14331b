/* SPDX-License-Identifier: MIT */
/* The options that every tool knows, -h, --help and --version; none of the tools has others. */
#ifndef PVM3PY_TOOLS_OPTIONS_H
#define PVM3PY_TOOLS_OPTIONS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The build gives the version. */
#ifndef PVM3PY_VERSION
#define PVM3PY_VERSION "unknown"
#endif

/*
 * Answer the options of the tool `name` and leave, with 1 if an option is unknown. `does` is a
 * line. Words that are no options have no meaning, as with 3.4.6.
 */
static inline void answer_options(int argc, char **argv, const char *name, const char *does)
{
	if (argc < 2 || argv[1][0] != '-')
		return;
	if (strcmp(argv[1], "--version") == 0) {
		printf("%s (pvm3py %s)\n", name, PVM3PY_VERSION);
		exit(0);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		printf("usage: %s\n%s\n", name, does);
		exit(0);
	}
	fprintf(stderr, "%s: unknown option %s\nusage: %s\n", name, argv[1], name);
	exit(1);
}

#endif
