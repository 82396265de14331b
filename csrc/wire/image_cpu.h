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
