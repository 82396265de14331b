/* SPDX-License-Identifier: MIT */
/*
 * Levels of processors, by the names that compilers have for them. A level is there if everything
 * is there that a compiler may use for it, and if the system saves the registers.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cpu.h"
#include "libhpvm/arch.h"

#ifdef __linux__
#include <sys/auxv.h>
#endif

/* A level, and whether this processor has it. */
struct level {
	const char *name;
	bool there;
};

#if defined __x86_64__ || defined __i386__
#include <cpuid.h>

/* Features by the register in which cpuid tells them: leaf 1, leaf 7, leaf 0x80000001. */
enum {
	ECX1_V2 = bit_SSE3 | bit_SSSE3 | bit_CMPXCHG16B | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT,
	ECX1_V3 = bit_AVX | bit_F16C | bit_FMA | bit_MOVBE | bit_OSXSAVE,
	EBX7_V3 = bit_AVX2 | bit_BMI | bit_BMI2,
	ECX8_V2 = bit_LAHF_LM,
	ECX8_V3 = bit_LZCNT,
	XMM_YMM = 0x6, /* what the system saves */
	ZMM = 0xe0,
};
#define EBX7_V4 \
	((unsigned)bit_AVX512F | bit_AVX512DQ | bit_AVX512CD | bit_AVX512BW | \
		(unsigned)bit_AVX512VL)

static bool all(unsigned bits, unsigned wanted)
{
	return (bits & wanted) == wanted;
}

/* Which registers the system saves. */
static unsigned saved(unsigned ecx1)
{
	unsigned low, high;

	if (!all(ecx1, bit_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

static int find_levels(struct level *levels)
{
	unsigned a, b, ecx1 = 0, d, ebx7 = 0, c, ecx8 = 0;
	bool v2, v3;

	__get_cpuid(1, &a, &b, &ecx1, &d);
	__get_cpuid_count(7, 0, &a, &ebx7, &c, &d);
	__get_cpuid(0x80000001, &a, &b, &ecx8, &d);
	v2 = all(ecx1, ECX1_V2) && all(ecx8, ECX8_V2);
	v3 = v2 && all(ecx1, ECX1_V3) && all(ebx7, EBX7_V3) && all(ecx8, ECX8_V3) &&
		all(saved(ecx1), XMM_YMM);
	levels[0] = (struct level){ "x86-64-v4",
		v3 && all(ebx7, EBX7_V4) && all(saved(ecx1), XMM_YMM | ZMM) };
	levels[1] = (struct level){ "x86-64-v3", v3 };
	levels[2] = (struct level){ "x86-64-v2", v2 };
	return 3;
}

#elif defined __aarch64__ && defined __linux__

/* Bits of AT_HWCAP and AT_HWCAP2, as the kernel's interface numbers them. */
enum {
	CRC32 = 1 << 7,
	ATOMICS = 1 << 8,
	RDM = 1 << 12,
	JSCVT = 1 << 13,
	FCMA = 1 << 14,
	LRCPC = 1 << 15,
	DCPOP = 1 << 16,
	DOTPROD = 1 << 20,
	DIT = 1 << 24,
	USCAT = 1 << 25,
	ILRCPC = 1 << 26,
	FLAGM = 1 << 27,
	SVE2 = 1 << 1, /* of AT_HWCAP2 */
};

static int find_levels(struct level *levels)
{
	static const unsigned long v81 = CRC32 | ATOMICS | RDM, v82 = v81 | DCPOP,
				   v83 = v82 | JSCVT | FCMA | LRCPC,
				   v84 = v83 | DOTPROD | DIT | USCAT | ILRCPC | FLAGM;
	unsigned long has = getauxval(AT_HWCAP), more = getauxval(AT_HWCAP2);

	levels[0] = (struct level){ "armv9-a", (has & v84) == v84 && more & SVE2 };
	levels[1] = (struct level){ "armv8.4-a", (has & v84) == v84 };
	levels[2] = (struct level){ "armv8.3-a", (has & v83) == v83 };
	levels[3] = (struct level){ "armv8.2-a", (has & v82) == v82 };
	levels[4] = (struct level){ "armv8.1-a", (has & v81) == v81 };
	return 5;
}

#elif defined __s390x__ && defined __linux__

/* Vector registers are there if the kernel saves them; facilities are asked of the processor. */
enum { HWCAP_VECTORS = 1 << 11, FACILITY_WORDS = 4 };
enum {
	LOAD_ON_CONDITION_2 = 53,
	MISCELLANEOUS_2 = 58,
	MISCELLANEOUS_3 = 61,
	VECTOR = 129,
	VECTOR_1 = 135,
	VECTOR_2 = 148,
};

static bool has_facility(const unsigned long *words, unsigned number)
{
	return words[number / 64] >> (63 - number % 64) & 1;
}

static int find_levels(struct level *levels)
{
	unsigned long words[FACILITY_WORDS] = { 0 };
	register unsigned long last __asm__("0") = FACILITY_WORDS - 1;
	bool z13, z14, z15;

	__asm__ volatile("stfle %0" : "=Q"(words), "+d"(last) : : "cc");
	z13 = getauxval(AT_HWCAP) & HWCAP_VECTORS && has_facility(words, VECTOR) &&
		has_facility(words, LOAD_ON_CONDITION_2);
	z14 = z13 && has_facility(words, VECTOR_1) && has_facility(words, MISCELLANEOUS_2);
	z15 = z14 && has_facility(words, VECTOR_2) && has_facility(words, MISCELLANEOUS_3);
	levels[0] = (struct level){ "z15", z15 };
	levels[1] = (struct level){ "z14", z14 };
	levels[2] = (struct level){ "z13", z13 };
	return 3;
}

#elif defined __powerpc__ && defined __linux__

/* Versions of the architecture in AT_HWCAP2, and the vector unit in AT_HWCAP. */
#define ARCH_2_07 0x80000000UL
#define ARCH_3_00 0x00800000UL
#define ARCH_3_1 0x00040000UL
#define VSX 0x00000080UL

static int find_levels(struct level *levels)
{
	unsigned long has = getauxval(AT_HWCAP) & VSX ? getauxval(AT_HWCAP2) : 0;

	levels[0] = (struct level){ "power10", has & ARCH_3_1 };
	levels[1] = (struct level){ "power9", has & ARCH_3_00 };
	levels[2] = (struct level){ "power8", has & ARCH_2_07 };
	return 3;
}

#else

static int find_levels(struct level *levels)
{
	(void)levels;
	return 0;
}

#endif

/* Does the mask, if there is one, leave a level? */
static bool left(const char *mask, const char *level)
{
	size_t n = strlen(level);

	while (mask && *mask) {
		size_t word = strcspn(mask, ",");

		if (word == n && memcmp(mask, level, n) == 0)
			return true;
		mask += word + (mask[word] == ',');
	}
	return !mask;
}

void hpvmc_traits(struct hpvm_traits *traits)
{
	struct level levels[HPVM_TRAIT_LEVELS];
	const char *mask = getenv("HPVM_LEVELS");
	int n = find_levels(levels);

	memset(traits, 0, sizeof *traits);
	snprintf(traits->arch, sizeof traits->arch, "%s", hpvm_arch_here());
	snprintf(traits->os, sizeof traits->os, "%s", hpvm_os_here());
	for (int i = 0; i < n; i++)
		if (levels[i].there && left(mask, levels[i].name))
			snprintf(traits->levels[traits->n_levels++], HPVM_LEVEL_NAME, "%s",
				levels[i].name);
}

int hpvmc_print_traits(void)
{
	struct hpvm_traits traits;

	hpvmc_traits(&traits);
	printf("%s %s", traits.arch, traits.os);
	for (int i = 0; i < traits.n_levels; i++)
		printf(" %s", traits.levels[i]);
	putchar('\n');
	return fflush(stdout);
}
