/* SPDX-License-Identifier: MIT */
/* CHARACTER arguments. */
#include <stdlib.h>
#include <string.h>

#include "fortran.h"

char *fpvm__text(const char *text, int length)
{
	char *copy;

	while (length > 0 && text[length - 1] == ' ')
		length--;
	if (length < 0)
		length = 0;
	copy = malloc((size_t)length + 1);
	if (copy) {
		memcpy(copy, text, (size_t)length);
		copy[length] = '\0';
	}
	return copy;
}

void fpvm__release(char **text) { free(*text); }

void fpvm__store(char *text, int length, const char *string)
{
	size_t room = length > 0 ? (size_t)length : 0;
	size_t used = string ? strnlen(string, room) : 0;

	memcpy(text, string ? string : "", used);
	memset(text + used, ' ', room - used);
}
