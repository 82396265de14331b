/* SPDX-License-Identifier: MIT */
/* Which lines of a hosts file are about this machine. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "hosts.h"

/* The IPv4 address that a text means, in network order; 0 if it means none. */
static uint32_t resolve(const char *text)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found;
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) == 1)
		return address.s_addr;
	if (getaddrinfo(text, NULL, &hints, &found) != 0)
		return 0;
	address = ((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr;
	freeaddrinfo(found);
	return address.s_addr;
}

static bool is_loopback(uint32_t address)
{
	return ntohl(address) >> 24 == IN_LOOPBACKNET;
}

/* Is it one of this machine's? */
static bool is_here(const struct ifaddrs *own, uint32_t address)
{
	if (is_loopback(address))
		return true;
	for (; own; own = own->ifa_next) {
		const struct sockaddr_in *in = (const void *)own->ifa_addr;

		if (in && in->sin_family == AF_INET && in->sin_addr.s_addr == address)
			return true;
	}
	return false;
}

/* The first line of hpvm_host that is for this machine; NULL if there is none. */
static const struct hpvm_host *find_callback(const struct hpvm_hosts *hosts,
	const struct ifaddrs *own)
{
	for (int i = 0; i < hosts->n_callbacks; i++)
		if (is_here(own, resolve(hosts->callbacks[i].address)))
			return &hosts->callbacks[i];
	return NULL;
}

bool hpvm_hosts_place(struct hpvm_hosts *hosts, const char *file, char *why, size_t room)
{
	const struct hpvm_host *callback;
	struct ifaddrs *own = NULL;

	/* Without it only loopback addresses are known. */
	if (getifaddrs(&own) < 0)
		own = NULL;
	callback = find_callback(hosts, own);
	for (int i = 0; i < hosts->n; i++)
		hosts->hosts[i].is_here = is_here(own, resolve(hosts->hosts[i].address));
	if (own)
		freeifaddrs(own);
	if (!callback) {
		snprintf(why, room, "%s: no hpvm_host line has an address of this machine: %s",
			file, hosts->callbacks[0].address);
		return false;
	}
	snprintf(hosts->callback, sizeof hosts->callback, "%s", callback->address);
	return true;
}
