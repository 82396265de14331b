/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cache.h"
#include "kernel.h"
#include "libhpvm/arch.h"
#include "libhpvm/messages.h"
#include "libhpvm/post.h"
#include "source.h"

static struct {
	struct msg_kernel offer;
	const struct hpvm_traits *traits;
	unsigned char *bytes; /* while it comes */
	uint64_t size, asked, come;
	int file; /* that of `loaded`, or -1 */
	unsigned char loaded[HPVM_HASH];
	char why[HPVM_TEXT];
} kernel = { .file = -1 };

unsigned kernel_spawn(void)
{
	return from_be32(kernel.offer.spawn);
}

int kernel_argtype(void)
{
	return (int)from_be32(kernel.offer.argtype);
}

int kernel_file(void)
{
	return kernel.file;
}

const char *kernel_why(void)
{
	return kernel.why;
}

static enum kernel_news unusable(const char *why)
{
	free(kernel.bytes);
	kernel.bytes = NULL;
	if (why != kernel.why)
		snprintf(kernel.why, sizeof kernel.why, "%s", why);
	return KERNEL_UNUSABLE;
}

static enum kernel_news use(int file)
{
	if (kernel.file >= 0)
		close(kernel.file);
	kernel.file = file;
	memcpy(kernel.loaded, kernel.offer.hash, sizeof kernel.loaded);
	free(kernel.bytes);
	kernel.bytes = NULL;
	return KERNEL_HERE;
}

/* Ask for pieces until as many are on their way as may be. */
static void ask(int parent)
{
	while (kernel.asked < kernel.size &&
		kernel.asked < kernel.come + (uint64_t)HPVM_PIECES * HPVM_PIECE) {
		uint64_t left = kernel.size - kernel.asked;
		uint32_t bytes = left < HPVM_PIECE ? (uint32_t)left : HPVM_PIECE;
		struct msg_piece m = {
			.spawn = kernel.offer.spawn,
			.start = to_be64(kernel.asked),
			.bytes = to_be32(bytes),
		};

		hpvm__post(parent, MSG_NEED, &m, sizeof m, NULL, 0);
		kernel.asked += bytes;
	}
}

enum kernel_news kernel_offered(int parent, const struct hpvm_traits *traits)
{
	int file;

	free(kernel.bytes);
	kernel.bytes = NULL;
	kernel.asked = kernel.come = 0;
	kernel.traits = traits;
	if (!hpvm__take(&kernel.offer, sizeof kernel.offer))
		return unusable("its offer cannot be understood");
	if (kernel.file >= 0 && !memcmp(kernel.loaded, kernel.offer.hash, HPVM_HASH))
		return KERNEL_HERE;
	if (!from_be32(kernel.offer.source) && hpvmc_cache_get(kernel.offer.hash, &file) == 0)
		return use(file);
	kernel.size = from_be64(kernel.offer.bytes);
	if (kernel.size < 1 || kernel.size > (uint64_t)HPVM_KERNEL_SIZE)
		return unusable("its size makes no sense");
	kernel.bytes = calloc(1, (size_t)kernel.size);
	if (!kernel.bytes)
		return unusable("no memory for it");
	ask(parent);
	return KERNEL_WAITS;
}

static enum kernel_news compile(void)
{
	int file;

	if (hpvmc_compile(kernel.bytes, (size_t)kernel.size, kernel.traits, &file, kernel.why,
		    sizeof kernel.why) < 0)
		return unusable(kernel.why);
	return use(file);
}

/* All of it is there. dlopen would say of a foreign file that it does not exist, so that is looked
 * at first. */
static enum kernel_news complete(void)
{
	unsigned char hash[HPVM_HASH];
	const char *arch;
	int file;

	hpvm_sha256(kernel.bytes, (size_t)kernel.size, hash);
	if (memcmp(hash, kernel.offer.hash, sizeof hash))
		return unusable("its bytes have another hash than they should");
	if (from_be32(kernel.offer.source))
		return compile();
	arch = hpvm_arch_of(kernel.bytes, (size_t)kernel.size);
	if (!arch || strcmp(arch, hpvm_arch_here())) {
		snprintf(kernel.why, sizeof kernel.why, "it is of %s, and this is %s",
			arch ? arch : "no known architecture", hpvm_arch_here());
		return unusable(kernel.why);
	}
	file = hpvmc_memory_file(kernel.bytes, (size_t)kernel.size);
	if (file < 0)
		return unusable("no memory for it");
	hpvmc_cache_put(hash, kernel.bytes, (size_t)kernel.size);
	return use(file);
}

enum kernel_news kernel_piece(int parent)
{
	struct msg_piece m;
	uint32_t bytes;

	if (!hpvm__take(&m, sizeof m) || !kernel.bytes ||
		from_be32(m.spawn) != from_be32(kernel.offer.spawn))
		return KERNEL_WAITS;
	bytes = from_be32(m.bytes);
	if (from_be64(m.start) != kernel.come || bytes > kernel.asked - kernel.come)
		return unusable("a piece of it cannot be understood");
	if (!from_be32(m.zero) && !hpvm__take(kernel.bytes + kernel.come, bytes))
		return unusable("a piece of it is cut off");
	kernel.come += bytes;
	if (kernel.come == kernel.size)
		return complete();
	ask(parent);
	return KERNEL_WAITS;
}
