/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>
#include "convert.h"
#include "hpvm.h"
#include "types.h"

/* The parts of hpvm__format that matter to items of a type. */
static bool is_little(uint32_t format)
{
	return format & 1;
}

static int long_size(uint32_t format)
{
	return format >> 8 & 15;
}

static bool is_long(int type)
{
	return type == HPVM_LONG || type == HPVM_ULONG;
}

int hpvm__size_in(int type, uint32_t format)
{
	return is_long(type) ? long_size(format) : hpvm__type_size(type);
}

/* Bytes of the numbers that an item consists of. */
static size_t unit_of(int type, uint32_t format)
{
	size_t size = (size_t)hpvm__size_in(type, format);

	return type == HPVM_CPLX || type == HPVM_DCPLX ? size / 2 : size;
}

/* Turn the order of `count` numbers around. */
static void swap(unsigned char *to, const unsigned char *from, size_t count, size_t unit)
{
	for (size_t i = 0; i < count; i++, to += unit, from += unit)
		for (size_t k = 0; k < unit; k++)
			to[k] = from[unit - 1 - k];
}

static uint64_t load(const unsigned char *p, int size, bool little)
{
	uint64_t value = 0;

	for (int i = 0; i < size; i++)
		value = value << 8 | p[little ? size - 1 - i : i];
	return value;
}

static void store(unsigned char *p, int size, bool little, uint64_t value)
{
	for (int i = 0; i < size; i++, value >>= 8)
		p[little ? i : size - 1 - i] = (unsigned char)value;
}

/* Does a long of 8 bytes fit into one of 4? */
static bool fits(uint64_t value, int type)
{
	return type == HPVM_ULONG ? value <= UINT32_MAX :
				    (uint64_t)(int64_t)(int32_t)value == value;
}

static uint64_t widened(uint64_t value, int type)
{
	return type == HPVM_LONG ? (uint64_t)(int64_t)(int32_t)value : value;
}

/* Longs, if those of the two machines have not the same size. */
static size_t resize(unsigned char *to, uint32_t to_format, const unsigned char *from,
	uint32_t from_format, size_t count, int type, long long *misfit)
{
	int to_size = long_size(to_format), from_size = long_size(from_format);

	for (size_t i = 0; i < count; i++, to += to_size, from += from_size) {
		uint64_t value = load(from, from_size, is_little(from_format));

		if (from_size == 4)
			value = widened(value, type);
		if (to_size == 4 && !fits(value, type)) {
			*misfit = (long long)value;
			return i;
		}
		store(to, to_size, is_little(to_format), value);
	}
	return count;
}

size_t hpvm__convert(void *to, uint32_t to_format, const void *from, uint32_t from_format,
	size_t count, int type, long long *misfit)
{
	size_t unit = unit_of(type, from_format);
	size_t bytes = count * (size_t)hpvm__size_in(type, from_format);

	if (is_long(type) && long_size(to_format) != long_size(from_format))
		return resize(to, to_format, from, from_format, count, type, misfit);
	if (unit == 1 || is_little(to_format) == is_little(from_format))
		memcpy(to, from, bytes);
	else
		swap(to, from, bytes / unit, unit);
	return count;
}
