/* SPDX-License-Identifier: MIT */
/* Any bytes as hpvm.tree: kernels with paths inside the tree, or a sentence. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "listing.h"
#include "require.h"

static void check_listed(const struct hpvm_listed *listed)
{
	char path[HPVM_KERNEL_PATH];

	REQUIRE(listed->size > 0 && listed->size <= HPVM_KERNEL_SIZE && listed->argtype >= 0);
	if (strcmp(listed->path, HPVM_SOURCE_PATH) == 0)
		return;
	snprintf(path, sizeof path, "%s/%s/%s/kernel.so", listed->arch, listed->os, listed->level);
	REQUIRE(strcmp(path, listed->path) == 0 && !strstr(path, ".."));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hpvm_listed listed[HPVM_TREE_KERNELS];
	char why[100] = "";
	int n = hpvm_listing_read((const char *)data, size, listed, why, sizeof why);

	REQUIRE(n <= HPVM_TREE_KERNELS && n != 0);
	REQUIRE(n > 0 || *why);
	for (int i = 0; i < n; i++)
		check_listed(&listed[i]);
	return 0;
}
