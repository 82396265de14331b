/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a kernel tree in one file, and as a source: the reader of ustar archives gives
 * members that lie inside, with names that stay below.
 *
 * Input: whether sums of headers are made right, which no fuzzer guesses (a byte), the archive.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "archive.h"
#include "arch.h"
#include "require.h"

static void check_name(const char *name)
{
	REQUIRE(*name && *name != '/' && strlen(name) < HPVM_MEMBER_NAME);
	REQUIRE(strncmp(name, "../", 3) != 0 && strcmp(name, "..") != 0);
	REQUIRE(!strstr(name, "/../") && !strstr(name, "//"));
	REQUIRE(strlen(name) < 3 || strcmp(name + strlen(name) - 3, "/..") != 0);
}

/* Write the right sum into whatever has the mark of a header. */
static void mend_sums(uint8_t *data, size_t size)
{
	for (size_t at = 0; at + 512 <= size; at += 512) {
		uint8_t *header = data + at;
		unsigned sum = 0;

		if (memcmp(header + 257, "ustar", 5) != 0)
			continue;
		memset(header + 148, ' ', 8);
		for (int i = 0; i < 512; i++)
			sum += header[i];
		snprintf((char *)header + 148, 8, "%06o", sum);
	}
}

static void read_all(const uint8_t *data, size_t size)
{
	struct hpvm_member member;
	const char *why = NULL;
	size_t at = 0, before = 0;
	int rc;

	while ((rc = hpvm_archive_next(data, size, &at, &member, &why)) > 0) {
		REQUIRE(at > before && at <= size);
		REQUIRE(member.bytes >= data &&
			member.size <= size - (size_t)(member.bytes - data));
		check_name(member.name);
		hpvm_arch_of(member.bytes, member.size);
		before = at;
	}
	REQUIRE(rc == 0 || (why && *why));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size == 0)
		return 0;
	/* Of just this size, so that the sanitizer sees a step too far. */
	copy = malloc(size - 1 ? size - 1 : 1);
	REQUIRE(copy);
	memcpy(copy, data + 1, size - 1);
	if (data[0] & 1)
		mend_sums(copy, size - 1);
	read_all(copy, size - 1);
	free(copy);
	return 0;
}
