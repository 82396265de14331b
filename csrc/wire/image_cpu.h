/* SPDX-License-Identifier: MIT */
/* What programs may use of the processor: library and restarter compare it. x86-64 only. */
#ifndef PVM3PY_WIRE_IMAGE_CPU_H
#define PVM3PY_WIRE_IMAGE_CPU_H

#include "image.h"

enum { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX };

/* Where each word of `cpu` is from: leaf, subleaf, register. */
static const struct {
	uint32_t leaf, subleaf, part;
} image_cpu_words[IMAGE_CPU_WORDS] = {
	{ 1, 0, CPUID_ECX },
	{ 1, 0, CPUID_EDX },
	{ 7, 0, CPUID_EBX },
	{ 7, 0, CPUID_ECX },
	{ 7, 0, CPUID_EDX },
	{ 7, 1, CPUID_EAX },
	{ 0x80000001, 0, CPUID_ECX },
	{ 0xd, 1, CPUID_EAX },
};

static inline void image_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t parts[4])
{
	__asm__ volatile("cpuid"
		: "=a"(parts[0]), "=b"(parts[1]), "=c"(parts[2]), "=d"(parts[3])
		: "a"(leaf), "c"(subleaf));
}

/* Features of one word; 0 if the processor has no such leaf. */
static inline uint32_t image_cpu_word(unsigned i)
{
	uint32_t parts[4], leaf = image_cpu_words[i].leaf;

	image_cpuid(leaf & 0x80000000, 0, parts);
	if (parts[CPUID_EAX] < leaf)
		return 0;
	image_cpuid(leaf, image_cpu_words[i].subleaf, parts);
	return parts[image_cpu_words[i].part];
}

/* Features that each level of x86-64 may have, besides those of the levels below it. */
static const uint32_t image_cpu_levels[][IMAGE_CPU_WORDS] = {
	/* That the system saves the vector state (26, 27) is checked by how it does. */
	{ 1U << 26 | 1U << 27,
		1U | 1U << 4 | 1U << 8 | 1U << 15 | 1U << 23 | 1U << 24 | 1U << 25 | 1U << 26 },
	{ 1U | 1U << 9 | 1U << 13 | 1U << 19 | 1U << 20 | 1U << 23, 0, 0, 0, 0, 0, 1 },
	{ 1U << 12 | 1U << 22 | 1U << 28 | 1U << 29, 0, 1U << 3 | 1U << 5 | 1U << 8, 0, 0, 0,
		1U << 5 },
	{ 0, 0, 1U << 16 | 1U << 17 | 1U << 28 | 1U << 30 | 1U << 31 },
};
enum {
	IMAGE_LEVELS = sizeof image_cpu_levels / sizeof *image_cpu_levels,
	IMAGE_LEVEL_SSE = 2, /* the last one without a vector state that has to be saved */
	IMAGE_STATE_AVX = 7, /* xcr0 with AVX alone, which is at the same place everywhere */
};

/* The process keeps to a level: nothing above it is needed. */
static inline void image_cpu_limit(struct image_header *head, uint32_t level)
{
	head->level = level;
	for (unsigned i = 0; level && i < IMAGE_CPU_WORDS; i++) {
		uint32_t may = 0;

		for (uint32_t l = 0; l < level; l++)
			may |= image_cpu_levels[l][i];
		head->cpu[i] &= may;
	}
}

/*
 * Can the system here take the vector state of an image, which lies in a signal's frame? It takes
 * one of its own layout; what AVX alone has; of one that is larger than any here the part of SSE.
 */
static inline int image_state_fits(const struct image_header *head, const struct image_header *here)
{
	if (head->xcr0 == here->xcr0 && head->xsave == here->xsave)
		return 1;
	if (head->xcr0 == IMAGE_STATE_AVX && (here->xcr0 & IMAGE_STATE_AVX) == IMAGE_STATE_AVX)
		return 1;
	return head->level && head->level <= IMAGE_LEVEL_SSE && head->xsave > here->xsave;
}

/* Fill in what the header says of the processor. Leaves are asked for once: it is slow in guests. */
static inline void image_cpu(struct image_header *head)
{
	static struct image_header known;
	uint32_t parts[4], low = 0, high = 0;

	if (!known.xsave) {
		for (unsigned i = 0; i < IMAGE_CPU_WORDS; i++)
			known.cpu[i] = image_cpu_word(i);
		/* Bit 27: the system uses xsave. */
		if (known.cpu[0] >> 27 & 1)
			__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		known.xcr0 = (uint64_t)high << 32 | low;
		image_cpuid(0xd, 0, parts);
		known.xsave = parts[CPUID_EBX] ? parts[CPUID_EBX] : 512;
	}
	__builtin_memcpy(head->cpu, known.cpu, sizeof head->cpu);
	head->xcr0 = known.xcr0;
	head->xsave = known.xsave;
}

#endif
