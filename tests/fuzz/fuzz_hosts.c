/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as hpvm_hosts.cfg: hosts with names of their own, or complaints.
 *
 * Input: how many bytes the complaints have room for, and the file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hosts.h"
#include "require.h"

static void check_hosts(const struct hpvm_hosts *hosts)
{
	REQUIRE(hosts->n_callbacks > 0);
	for (int i = 0; i < hosts->n; i++) {
		const struct hpvm_host *host = &hosts->hosts[i];

		REQUIRE(*host->name && *host->address && host->line > 0);
		REQUIRE(host->cpus >= 0 && host->cpus <= HPVM_HOST_CPUS);
		for (int k = 0; k < i; k++)
			REQUIRE(strcmp(host->name, hosts->hosts[k].name) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hpvm_hosts *hosts;
	size_t room;
	char *why;

	if (size == 0)
		return 0;
	room = 1 + 4 * (size_t)data[0];
	why = malloc(room);
	REQUIRE(why);
	*why = 0;
	hosts = hpvm_hosts_parse((const char *)data + 1, size - 1, "x.cfg", why, room);
	if (hosts)
		check_hosts(hosts);
	else
		REQUIRE(strlen(why) < room && (room == 1 || *why));
	hpvm_hosts_free(hosts);
	free(why);
	return 0;
}
