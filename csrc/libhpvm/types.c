/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include "hpvm.h"
#include "types.h"

static const struct {
	const char *name;
	int size;
} types[HPVM_TYPES] = {
	[HPVM_UNTYPED] = { "no type", 1 },
	[HPVM_BYTE] = { "char", 1 },
	[HPVM_SHORT] = { "short", sizeof(short) },
	[HPVM_USHORT] = { "unsigned short", sizeof(short) },
	[HPVM_INT] = { "int", sizeof(int) },
	[HPVM_UINT] = { "unsigned int", sizeof(int) },
	[HPVM_LONG] = { "long", sizeof(long) },
	[HPVM_ULONG] = { "unsigned long", sizeof(long) },
	[HPVM_LLONG] = { "long long", sizeof(long long) },
	[HPVM_ULLONG] = { "unsigned long long", sizeof(long long) },
	[HPVM_FLOAT] = { "float", sizeof(float) },
	[HPVM_DOUBLE] = { "double", sizeof(double) },
	[HPVM_CPLX] = { "complex float", 2 * sizeof(float) },
	[HPVM_DCPLX] = { "complex double", 2 * sizeof(double) },
};

int hpvm__type_size(int type)
{
	return type < 0 || type >= HPVM_TYPES ? 0 : types[type].size;
}

const char *hpvm__type_name(int type)
{
	return type < 0 || type >= HPVM_TYPES ? "unknown type" : types[type].name;
}

uint32_t hpvm__format(void)
{
	const uint16_t one = 1;
	uint32_t little = *(const unsigned char *)&one;
	struct {
		char byte;
		double number;
	} padded;

	return little | sizeof(int) << 4 | sizeof(long) << 8 | sizeof(void *) << 12 |
		(uint32_t)offsetof(typeof(padded), number) << 16;
}
