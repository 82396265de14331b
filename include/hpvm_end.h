/* SPDX-License-Identifier: MIT */
/*
 * The end of a kernel's source. hpvm-build compiles
 *
 *	#define kernel_main hpvm__kernel_main
 *	#include "the file with kernel_main"
 *	#include "hpvm_end.h"
 *
 * so that all names of the kernel stay inside, and these are what the client and hpvm-build find:
 *
 *	int kernel_main(long id, long size, void *args);
 *	const int hpvm_args_type;	HPVM_LONG if args is a long *, and so on
 *	const char hpvm_bytes_args;	if HPVM_BYTES_ARGS is there: the type is HPVM_BYTE
 *
 * The block of a task is converted as this type says.
 */
#ifndef HPVM_END_H
#define HPVM_END_H

#undef kernel_main
#include "hpvm.h"

#define HPVM__EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus

template <class T> struct hpvm__number {
	enum { value = HPVM_UNTYPED };
};
#define HPVM__NUMBER(t, type) \
	template <> struct hpvm__number<t> { \
		enum { value = type }; \
	}; \
	template <> struct hpvm__number<const t> { \
		enum { value = type }; \
	};
HPVM__NUMBER(char, HPVM_BYTE)
HPVM__NUMBER(signed char, HPVM_BYTE)
HPVM__NUMBER(unsigned char, HPVM_BYTE)
HPVM__NUMBER(short, HPVM_SHORT)
HPVM__NUMBER(unsigned short, HPVM_USHORT)
HPVM__NUMBER(int, HPVM_INT)
HPVM__NUMBER(unsigned int, HPVM_UINT)
HPVM__NUMBER(long, HPVM_LONG)
HPVM__NUMBER(unsigned long, HPVM_ULONG)
__extension__ typedef long long hpvm__end_llong;
__extension__ typedef unsigned long long hpvm__end_ullong;
HPVM__NUMBER(hpvm__end_llong, HPVM_LLONG)
HPVM__NUMBER(hpvm__end_ullong, HPVM_ULLONG)
HPVM__NUMBER(float, HPVM_FLOAT)
HPVM__NUMBER(double, HPVM_DOUBLE)

/* An array of as many items as the number says, and one: its size is a constant. */
template <class T> char (&hpvm__sized(int (*)(long, long, T *)))[hpvm__number<T>::value + 1];
#define HPVM__ARGS_TYPE ((int)sizeof(hpvm__sized(&hpvm__kernel_main)) - 1)

template <class T>
inline int hpvm__run(int (*kernel)(long, long, T *), long id, long size, void *args)
{
	return kernel(id, size, (T *)args);
}

extern "C" {
#define HPVM__RUN(id, size, args) hpvm__run(&hpvm__kernel_main, id, size, args)

#else

#define HPVM__ARGS(t, type) \
	int (*)(long, long, t *) : type, int (*)(long, long, const t *) : type
#define HPVM__ARGS_TYPE \
	(__extension__ _Generic(&hpvm__kernel_main, HPVM__ARGS(char, HPVM_BYTE), \
		HPVM__ARGS(signed char, HPVM_BYTE), HPVM__ARGS(unsigned char, HPVM_BYTE), \
		HPVM__ARGS(short, HPVM_SHORT), HPVM__ARGS(unsigned short, HPVM_USHORT), \
		HPVM__ARGS(int, HPVM_INT), HPVM__ARGS(unsigned int, HPVM_UINT), \
		HPVM__ARGS(long, HPVM_LONG), HPVM__ARGS(unsigned long, HPVM_ULONG), \
		HPVM__ARGS(long long, HPVM_LLONG), HPVM__ARGS(unsigned long long, HPVM_ULLONG), \
		HPVM__ARGS(float, HPVM_FLOAT), HPVM__ARGS(double, HPVM_DOUBLE), \
		HPVM__ARGS(float __complex__, HPVM_CPLX), \
		HPVM__ARGS(double __complex__, HPVM_DCPLX), default: HPVM_UNTYPED))

#define HPVM__RUN(id, size, args) hpvm__kernel_main(id, size, args)

#endif

HPVM__EXPORT int kernel_main(long id, long size, void *args);
int kernel_main(long id, long size, void *args)
{
	return HPVM__RUN(id, size, args);
}

HPVM__EXPORT extern const int hpvm_args_type;
const int hpvm_args_type = HPVM__ARGS_TYPE;

#ifdef __cplusplus
}
#endif

#endif
