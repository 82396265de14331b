/* SPDX-License-Identifier: MIT */
/* Environment variables for children: the list in PVM_EXPORT, names with ':' between. */
#include "calls/api.h"

#include <stdlib.h>
#include <string.h>

/*
 * The list without `name`, and with room for it and a ':'; tells whether it was in it.
 * NULL: out of memory.
 */
static char *list_without(const char *list, const char *name, bool *found)
{
	char *kept = malloc(strlen(list) + strlen(name) + 2);
	char *end = kept;

	*found = false;
	if (!kept)
		return NULL;
	*end = 0;
	while (*list) {
		size_t len = strcspn(list, ":");

		if (strlen(name) == len && strncmp(list, name, len) == 0) {
			*found = true;
		} else if (len > 0) {
			if (end > kept)
				*end++ = ':';
			memcpy(end, list, len);
			end += len;
			*end = 0;
		}
		list += len + (list[len] == ':');
	}
	return kept;
}

/* Take `name` out of the list, or with `add` see that it is in it. 0 or an error code. */
static int change_list(const char *name, bool add)
{
	const char *old = getenv("PVM_EXPORT");
	char *list;
	bool found;
	int failed = 0;

	if (!name)
		return PvmBadParam;
	if (!*name)
		return 0;
	list = list_without(old ? old : "", name, &found);
	if (!list)
		return PvmNoMem;
	if (add) {
		if (*list)
			strcat(list, ":");
		strcat(list, name);
	}
	if (found != add)
		failed = *list ? setenv("PVM_EXPORT", list, 1) : unsetenv("PVM_EXPORT");
	free(list);
	return failed ? PvmNoMem : 0;
}

/*
 * Let future children inherit an environment variable, or several with ':' between. "" is none.
 * 0, PvmBadParam (NULL).
 */
int pvm_export(char *name)
{
	API_LOCK();
	return pvm__result("pvm_export", change_list(name, true));
}

/* Undo pvm_export of one variable. 0, PvmBadParam (NULL). */
int pvm_unexport(char *name)
{
	API_LOCK();
	return pvm__result("pvm_unexport", change_list(name, false));
}
