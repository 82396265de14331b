/* SPDX-License-Identifier: MIT */
/*
 * System calls by the instruction: without libc, without errno.  A result from -4095 to -1 is an
 * error number.  raw(SYS_write, 1, "x", 1) takes up to six arguments of any type.
 */
#ifndef PVM3PY_WIRE_RAW_H
#define PVM3PY_WIRE_RAW_H

#include <sys/syscall.h>

/* Of <asm/prctl.h> and <linux/kcmp.h>, which some compilers come without. */
enum {
	RAW_SET_GS = 0x1001,
	RAW_SET_FS = 0x1002,
	RAW_GET_FS = 0x1003,
	RAW_GET_GS = 0x1004,
	RAW_KCMP_FILE = 0,
};

static inline long raw_call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
		: "=a"(result)
		: "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		: "rcx", "r11", "memory");
	return result;
}

#define RAW_ALL(n, a, b, c, d, e, f, ...) \
	raw_call((long)(n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define raw(...) RAW_ALL(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

static inline int raw_failed(long result)
{
	return result < 0 && result >= -4095;
}

#endif
