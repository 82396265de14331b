/* SPDX-License-Identifier: MIT */
/*
 * Arrays of all kinds, raw, in place and in XDR, of lengths and alignments that differ, go to another
 * task by memory and come back as they were. Each goes often enough for all ways to copy.
 */
#include "check.h"
#include "own_segment.h"

enum {
	ITEMS_MAX = 40000,
	TIMES = 12,
	SHIFTS = 4,
	DATA = 1,
	LAST,
};

static struct arrays {
	char bytes[SHIFTS];
	short shorts[ITEMS_MAX];
	int ints[ITEMS_MAX];
	long longs[ITEMS_MAX];
	double doubles[2 * ITEMS_MAX]; /* as complex numbers, too */
} mine, theirs;

static void fill(unsigned seed)
{
	for (unsigned i = 0; i < ITEMS_MAX; i++) {
		unsigned v = (i + seed) * 2654435761u;

		mine.shorts[i] = (short)v;
		mine.ints[i] = (int)v;
		mine.longs[i] = (int)(v ^ seed);
		mine.doubles[2 * i] = v;
		mine.doubles[2 * i + 1] = -(double)v;
	}
	memset(mine.bytes, (int)seed, sizeof mine.bytes);
}

/* Pack all: `shift` bytes first, then n items of each kind. */
static void pack(struct arrays *a, int encoding, int shift, int n)
{
	CHECK(pvm_initsend(encoding) >= 0);
	CHECK_INT(pvm_pkint(&encoding, 1, 1), 0);
	CHECK_INT(pvm_pkint(&shift, 1, 1), 0);
	CHECK_INT(pvm_pkint(&n, 1, 1), 0);
	CHECK_INT(pvm_pkbyte(a->bytes, shift, 1), 0);
	CHECK_INT(pvm_pkshort(a->shorts, n, 1), 0);
	CHECK_INT(pvm_pkint(a->ints, n, 1), 0);
	CHECK_INT(pvm_pklong(a->longs, n, 1), 0);
	CHECK_INT(pvm_pkdcplx(a->doubles, n, 1), 0);
}

static void unpack(struct arrays *a, int *encoding, int *shift, int *n)
{
	memset(a, 0, sizeof *a);
	CHECK_INT(pvm_upkint(encoding, 1, 1), 0);
	CHECK_INT(pvm_upkint(shift, 1, 1), 0);
	CHECK_INT(pvm_upkint(n, 1, 1), 0);
	CHECK_INT(pvm_upkbyte(a->bytes, *shift, 1), 0);
	CHECK_INT(pvm_upkshort(a->shorts, *n, 1), 0);
	CHECK_INT(pvm_upkint(a->ints, *n, 1), 0);
	CHECK_INT(pvm_upklong(a->longs, *n, 1), 0);
	CHECK_INT(pvm_upkdcplx(a->doubles, *n, 1), 0);
}

static int be_mirror(void)
{
	int parent = pvm_parent(), encoding, shift, n, mid, tag = 0;

	while ((mid = pvm_recv(parent, -1)) > 0) {
		pvm_bufinfo(mid, NULL, &tag, NULL);
		if (tag == LAST)
			break;
		unpack(&theirs, &encoding, &shift, &n);
		pack(&theirs, encoding, shift, n);
		CHECK_INT(pvm_send(parent, DATA), 0);
	}
	pvm_exit();
	return check_done();
}

static void compare(int shift, int n)
{
	size_t items = (size_t)n;

	CHECK(memcmp(theirs.bytes, mine.bytes, (size_t)shift) == 0);
	CHECK(memcmp(theirs.shorts, mine.shorts, items * sizeof *mine.shorts) == 0);
	CHECK(memcmp(theirs.ints, mine.ints, items * sizeof *mine.ints) == 0);
	CHECK(memcmp(theirs.longs, mine.longs, items * sizeof *mine.longs) == 0);
	CHECK(memcmp(theirs.doubles, mine.doubles, 2 * items * sizeof *mine.doubles) == 0);
}

static void send_and_compare(int tid, int encoding, int shift, int n)
{
	int coded = -1, shifted = -1, items = -1;

	fill((unsigned)n);
	pack(&mine, encoding, shift, n);
	CHECK_INT(pvm_send(tid, DATA), 0);
	CHECK(pvm_recv(tid, DATA) > 0);
	unpack(&theirs, &coded, &shifted, &items);
	CHECK(coded == encoding && shifted == shift && items == n);
	compare(shift, n);
}

int main(int argc, char **argv)
{
	static const int encodings[] = { PvmDataRaw, PvmDataDefault, PvmDataInPlace };
	static const int counts[] = { 500, 1000, 5000, ITEMS_MAX };
	int tid = 0;

	check_start();
	if (argc > 1 && strcmp(argv[1], "mirror") == 0)
		return be_mirror();
	CHECK_INT(check_spawn((char *[]){ "shared_patterns" }, "mirror", 1, &tid), 1);
	for (int e = 0; e < 3; e++)
		for (int c = 0; c < 4; c++)
			for (int i = 0; i < TIMES && !check_failed; i++)
				send_and_compare(tid, encodings[e], i % SHIFTS, counts[c] - i);
	CHECK(own_segment() && own_segment()->references > TIMES);
	CHECK(pvm_initsend(PvmDataRaw) >= 0);
	CHECK_INT(pvm_send(tid, LAST), 0);
	pvm_exit();
	return check_done();
}
