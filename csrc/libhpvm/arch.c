/* SPDX-License-Identifier: MIT */
/* Architectures as the headers of ELF files tell them, and as compilers do. */
#include <string.h>
#include "arch.h"

enum { BITS_32 = 1, BITS_64, LITTLE = 1, BIG, SHARED_OBJECT = 3 };

/* Offsets in the header. */
enum { AT_CLASS = 4, AT_ORDER, AT_TYPE = 16, AT_MACHINE = 18 };

/* The machine numbers are those of the ELF registry. */
static const struct {
	const char *name;
	unsigned short machine;
	unsigned char bits, order;
} architectures[] = {
	{ "x86", 3, BITS_32, LITTLE },
	{ "x86-64", 62, BITS_64, LITTLE },
	{ "x32", 62, BITS_32, LITTLE },
	{ "aarch64", 183, BITS_64, LITTLE },
	{ "aarch64be", 183, BITS_64, BIG },
	{ "arm", 40, BITS_32, LITTLE },
	{ "armbe", 40, BITS_32, BIG },
	{ "s390x", 22, BITS_64, BIG },
	{ "ppc", 20, BITS_32, BIG },
	{ "ppc64", 21, BITS_64, BIG },
	{ "ppc64le", 21, BITS_64, LITTLE },
	{ "mips32", 8, BITS_32, BIG },
	{ "mips32el", 8, BITS_32, LITTLE },
	{ "mips64", 8, BITS_64, BIG },
	{ "mips64el", 8, BITS_64, LITTLE },
	{ "riscv32", 243, BITS_32, LITTLE },
	{ "riscv64", 243, BITS_64, LITTLE },
	{ "loongarch64", 258, BITS_64, LITTLE },
	{ "sparc", 2, BITS_32, BIG },
	{ "sparc64", 43, BITS_64, BIG },
	{ "ia64", 50, BITS_64, LITTLE },
	{ "hppa", 15, BITS_32, BIG },
	{ "alpha", 0x9026, BITS_64, LITTLE },
	{ "m68k", 4, BITS_32, BIG },
	{ "sh4", 42, BITS_32, LITTLE },
};

static unsigned half_word(const unsigned char *at, unsigned order)
{
	return order == BIG ? (unsigned)at[0] << 8 | at[1] : (unsigned)at[1] << 8 | at[0];
}

const char *hpvm_arch_of(const void *bytes, size_t size)
{
	const unsigned char *header = bytes;
	unsigned order;

	if (size < HPVM_ELF_HEADER || memcmp(header, "\177ELF", 4) != 0)
		return NULL;
	order = header[AT_ORDER];
	if (half_word(header + AT_TYPE, order) != SHARED_OBJECT)
		return NULL;
	for (unsigned i = 0; i < sizeof architectures / sizeof *architectures; i++)
		if (architectures[i].bits == header[AT_CLASS] && architectures[i].order == order &&
			architectures[i].machine == half_word(header + AT_MACHINE, order))
			return architectures[i].name;
	return NULL;
}

/* By the names that gcc and clang define. */
#if defined __x86_64__ && defined __ILP32__
#define ARCH "x32"
#elif defined __x86_64__
#define ARCH "x86-64"
#elif defined __i386__
#define ARCH "x86"
#elif defined __aarch64__ && defined __AARCH64EB__
#define ARCH "aarch64be"
#elif defined __aarch64__
#define ARCH "aarch64"
#elif defined __arm__ && defined __ARMEB__
#define ARCH "armbe"
#elif defined __arm__
#define ARCH "arm"
#elif defined __s390x__
#define ARCH "s390x"
#elif defined __powerpc64__ && defined __LITTLE_ENDIAN__
#define ARCH "ppc64le"
#elif defined __powerpc64__
#define ARCH "ppc64"
#elif defined __powerpc__
#define ARCH "ppc"
#elif defined __mips64 && defined __MIPSEL__
#define ARCH "mips64el"
#elif defined __mips64
#define ARCH "mips64"
#elif defined __mips__ && defined __MIPSEL__
#define ARCH "mips32el"
#elif defined __mips__
#define ARCH "mips32"
#elif defined __riscv && __riscv_xlen == 64
#define ARCH "riscv64"
#elif defined __riscv
#define ARCH "riscv32"
#elif defined __loongarch64
#define ARCH "loongarch64"
#elif defined __sparc__ && defined __arch64__
#define ARCH "sparc64"
#elif defined __sparc__
#define ARCH "sparc"
#elif defined __ia64__
#define ARCH "ia64"
#elif defined __hppa__
#define ARCH "hppa"
#elif defined __alpha__
#define ARCH "alpha"
#elif defined __m68k__
#define ARCH "m68k"
#elif defined __sh__
#define ARCH "sh4"
#else
#define ARCH "unknown"
#endif

#if defined __linux__
#define OS "linux"
#elif defined __FreeBSD__
#define OS "freebsd"
#elif defined __NetBSD__
#define OS "netbsd"
#elif defined __OpenBSD__
#define OS "openbsd"
#elif defined __APPLE__
#define OS "darwin"
#elif defined __sun
#define OS "solaris"
#elif defined __GNU__
#define OS "hurd"
#else
#define OS "unknown"
#endif

const char *hpvm_arch_here(void)
{
	return ARCH;
}

const char *hpvm_os_here(void)
{
	return OS;
}
