/* SPDX-License-Identifier: MIT */
/*
 * One member of a group that does every collective call and checks its results.
 *
 *     group_member GROUP SIZE [wide]
 *
 * Started SIZE times. `wide`: all members have libraries that carry longs whole.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "pvm3.h"

enum { LARGE = 30000, MEMBERS = 256 };

static char *group;
static int size, me;

static void check_lookups(void)
{
	CHECK(pvm_gsize(group) == size);
	CHECK(pvm_gettid(group, me) == pvm_mytid());
	CHECK(pvm_getinst(group, pvm_mytid()) == me);
	CHECK(pvm_gettid(group, size) == PvmNoInst);
	CHECK(pvm_joingroup(group) < 0);
	CHECK(pvm_gsize("nobody") == PvmNoGroup);
	CHECK(pvm_joingroup("left") >= 0);
	CHECK(pvm_lvgroup("left") == 0);
	CHECK(pvm_barrier(group, -1) == 0);
}

/* Sum, product, maximum, minimum of what the members have in one type. */
#define CHECK_TYPE(type, code, tag) \
	do { \
		type v[3] = { (type)(me + 1), (type)(me % 3 + 1), 2 }; \
		type w[3] = { (type)(me + 1), (type)(me + 1), (type)(me + 1) }; \
		type expected = 1; \
		for (int i = 0; i < size; i++) \
			expected = (type)(expected * (i % 3 + 1)); \
		CHECK(pvm_reduce(PvmSum, v, 1, PVM_##code, tag, group, size - 1) == 0); \
		CHECK(pvm_barrier(group, size) == 0); \
		CHECK(pvm_reduce(PvmProduct, v + 1, 1, PVM_##code, tag, group, 0) == 0); \
		CHECK(pvm_barrier(group, size) == 0); \
		CHECK(pvm_reduce(PvmMax, w, 3, PVM_##code, tag, group, 0) == 0); \
		CHECK(pvm_barrier(group, size) == 0); \
		if (me == size - 1) \
			CHECK(v[0] == (type)(size * (size + 1) / 2)); \
		if (me == 0) \
			CHECK(v[1] == expected && w[0] == size && w[2] == size); \
		w[0] = (type)(me + 1); \
		CHECK(pvm_reduce(PvmMin, w, 1, PVM_##code, tag, group, 0) == 0); \
		CHECK(pvm_barrier(group, size) == 0); \
		if (me == 0) \
			CHECK(w[0] == 1); \
	} while (0)

static void check_reduce(int wide)
{
	float z[4] = { (float)me, 1, 1, 0 };
	double w[2] = { me, 1 };
	signed char bytes[2] = { (signed char)(me + 1), (signed char)(-1 - me) };
	long long big = wide && sizeof(long) == 8 ? 1LL << 40 : 1000;
	long l = (long)-big;

	CHECK_TYPE(short, SHORT, 11);
	CHECK_TYPE(int, INT, 12);
	CHECK_TYPE(long, LONG, 13);
	CHECK_TYPE(float, FLOAT, 14);
	CHECK_TYPE(double, DOUBLE, 15);
	CHECK(pvm_reduce(PvmSum, z, 2, PVM_CPLX, 16, group, 0) == 0);
	CHECK(pvm_barrier(group, size) == 0);
	if (me == 0)
		CHECK(z[0] == (float)(size * (size - 1) / 2) && z[1] == size && z[3] == 0);
	CHECK(pvm_reduce(PvmSum, w, 1, PVM_DCPLX, 18, group, 0) == 0);
	CHECK(pvm_barrier(group, size) == 0);
	if (me == 0)
		CHECK(w[0] == size * (size - 1) / 2 && w[1] == size);
	CHECK(pvm_reduce(PvmMax, bytes, 1, PVM_BYTE, 19, group, 0) == 0);
	CHECK(pvm_barrier(group, size) == 0);
	CHECK(me != 0 || bytes[0] == size);
	CHECK(pvm_reduce(PvmMin, bytes + 1, 1, PVM_BYTE, 20, group, 0) == 0);
	CHECK(pvm_barrier(group, size) == 0);
	CHECK(me != 0 || bytes[1] == -size);
	if (wide) {
		CHECK(pvm_reduce(PvmSum, &l, 1, PVM_LONG, 17, group, 0) == 0);
		CHECK(pvm_barrier(group, size) == 0);
		if (me == 0)
			CHECK(l == (long)(-big * size));
	}
}

static void check_gather_scatter(void)
{
	int pair[2] = { me, me * me };
	int *all = malloc(2 * MEMBERS * sizeof *all);

	CHECK(pvm_gather(all, pair, 2, PVM_INT, 21, group, 1) == 0);
	for (int i = 0; me == 1 && i < size; i++)
		CHECK(all[2 * i] == i && all[2 * i + 1] == i * i);
	for (int i = 0; i < size; i++) {
		all[2 * i] = 7 * i;
		all[2 * i + 1] = -i;
	}
	CHECK(pvm_scatter(pair, all, 2, PVM_INT, 22, group, 0) == 0);
	CHECK(pair[0] == 7 * me && pair[1] == -me);
	free(all);
	CHECK(pvm_barrier(group, size) == 0);
}

/* Gather items of `parts` numbers at the last member and scatter them again. */
#define CHECK_EXCHANGE(type, code, parts, tag) \
	do { \
		type one[2] = { (type)(me + 1), (type)(2 * me) }, back[2] = { 0, 0 }; \
		type all[2 * MEMBERS]; \
		CHECK(pvm_gather(all, one, 2 / parts, PVM_##code, tag, group, size - 1) == 0); \
		for (int i = 0; me == size - 1 && i < size; i++) \
			CHECK(all[2 * i] == (type)(i + 1) && all[2 * i + 1] == (type)(2 * i)); \
		CHECK(pvm_scatter(back, all, 2 / parts, PVM_##code, tag, group, size - 1) == 0); \
		CHECK(back[0] == one[0] && back[1] == one[1]); \
	} while (0)

/* A string is sent as far as it goes, and has room for `count` bytes at the other side. */
static void check_strings(void)
{
	char one[2] = { (char)('a' + me % 26), 0 }, back[2] = "-", all[2 * MEMBERS];

	CHECK(pvm_gather(all, one, 2, PVM_STR, 50, group, size - 1) == 0);
	for (int i = 0; me == size - 1 && i < size; i++)
		CHECK(all[2 * i] == 'a' + i % 26 && all[2 * i + 1] == 0);
	CHECK(pvm_scatter(back, all, 2, PVM_STR, 51, group, size - 1) == 0);
	CHECK(strcmp(back, one) == 0);
}

static void check_item_types(void)
{
	check_strings();
	CHECK_EXCHANGE(char, BYTE, 1, 52);
	CHECK_EXCHANGE(short, SHORT, 1, 53);
	CHECK_EXCHANGE(int, INT, 1, 54);
	CHECK_EXCHANGE(long, LONG, 1, 55);
	CHECK_EXCHANGE(float, FLOAT, 1, 56);
	CHECK_EXCHANGE(double, DOUBLE, 1, 57);
	CHECK_EXCHANGE(float, CPLX, 2, 58);
	CHECK_EXCHANGE(double, DCPLX, 2, 59);
	CHECK(pvm_barrier(group, size) == 0);
}

/* Many fragments. */
static void check_large(void)
{
	double *v = malloc(LARGE * sizeof *v);

	for (int i = 0; i < LARGE; i++)
		v[i] = i + me;
	CHECK(pvm_reduce(PvmSum, v, LARGE, PVM_DOUBLE, 31, group, 0) == 0);
	for (int i = 0; me == 0 && i < LARGE; i++)
		CHECK(v[i] == (double)i * size + size * (size - 1) / 2);
	free(v);
	CHECK(pvm_barrier(group, size) == 0);
}

/* The call's own messages leave the caller's buffers and context alone. */
static void check_bcast(void)
{
	int value = 4711;
	int context = pvm_getcontext();

	if (me == 0) {
		pvm_initsend(PvmDataDefault);
		pvm_pkint(&value, 1, 1);
		CHECK(pvm_bcast(group, 41) == 0);
		CHECK(pvm_getsbuf() > 0);
	} else {
		int buffer = pvm_recv(-1, 41);
		int got = 0;

		CHECK(pvm_gsize(group) == size);
		CHECK(pvm_getrbuf() == buffer);
		CHECK(pvm_upkint(&got, 1, 1) == 0 && got == value);
	}
	CHECK(pvm_getcontext() == context);
	CHECK(pvm_barrier(group, size) == 0);
}

static void check_static(void)
{
	CHECK(pvm_freezegroup(group, size) == size);
	CHECK(pvm_gsize(group) == size);
	CHECK(pvm_gettid(group, me) == pvm_mytid());
	check_bcast();
	check_gather_scatter();
	CHECK(pvm_barrier(group, -1) == 0);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	group = argv[1];
	size = atoi(argv[2]);
	check_start();
	me = pvm_joingroup(group);
	CHECK(me >= 0);
	CHECK(pvm_barrier(group, size) == 0);
	check_lookups();
	check_bcast();
	check_gather_scatter();
	check_item_types();
	check_reduce(argc > 3);
	check_large();
	check_static();
	pvm_exit();
	return check_done();
}
