/* SPDX-License-Identifier: MIT */
/*
 * Two tasks on machines of different kinds exchange messages. Usage:
 *   foreign far             puts its tid into the mailbox, then serves the other one
 *   foreign near ROUTE      asks it; ROUTE is daemon, direct, or memory
 * Compiled once for this machine and once for each foreign one.
 */
#include "memory.h"

enum { TAG_XDR = 1, TAG_RAW = 2, TAG_PLACED = 3, TAG_RESULT = 4, MANY = 20000, ROUNDS = 20 };

static char place[] = "foreign";

/* ---- one message with items of every type ------------------------------------------ */

static char bytes[] = { 'a', 0, -1 };
static short shorts[] = { 1, -2, 32767 };
static unsigned short ushorts[] = { 1, 65535 };
static int ints[] = { 1, -2, 0x12345678 };
static unsigned uints[] = { 1, 0xfedcba98u };
static long longs[] = { 1, -2, 0x12345678 };
static unsigned long ulongs[] = { 1, 0xfedcba98ul };
static float floats[] = { 1.5f, -2.25f, 3e38f, 0.5f };
static double doubles[] = { 1.5, -2.25, 1e300, 5e-324 };

#define COUNT(array) (int)(sizeof array / sizeof *array)

static void pack(int encoding)
{
	pvm_initsend(encoding);
	pvm_pkbyte(bytes, COUNT(bytes), 1);
	pvm_pkshort(shorts, COUNT(shorts), 1);
	pvm_pkushort(ushorts, COUNT(ushorts), 1);
	pvm_pkint(ints, COUNT(ints), 1);
	pvm_pkuint(uints, COUNT(uints), 1);
	pvm_pklong(longs, COUNT(longs), 1);
	pvm_pkulong(ulongs, COUNT(ulongs), 1);
	pvm_pkfloat(floats, COUNT(floats), 1);
	pvm_pkcplx(floats, COUNT(floats) / 2, 1);
	pvm_pkdouble(doubles, COUNT(doubles), 1);
	pvm_pkdcplx(doubles, COUNT(doubles) / 2, 1);
	pvm_pkstr("text");
}

#define WRONG(name, array, items, type) \
	do { \
		type out[COUNT(array)]; \
		wrong += pvm_upk##name(out, items, 1) != 0; \
		wrong += memcmp(out, array, sizeof array) != 0; \
	} while (0)

/* How many items are not as they were packed. */
static int unpack(void)
{
	char text[8] = "";
	int wrong = 0;

	WRONG(byte, bytes, COUNT(bytes), char);
	WRONG(short, shorts, COUNT(shorts), short);
	WRONG(ushort, ushorts, COUNT(ushorts), unsigned short);
	WRONG(int, ints, COUNT(ints), int);
	WRONG(uint, uints, COUNT(uints), unsigned);
	WRONG(long, longs, COUNT(longs), long);
	WRONG(ulong, ulongs, COUNT(ulongs), unsigned long);
	WRONG(float, floats, COUNT(floats), float);
	WRONG(cplx, floats, COUNT(floats) / 2, float);
	WRONG(double, doubles, COUNT(doubles), double);
	WRONG(dcplx, doubles, COUNT(doubles) / 2, double);
	return wrong + (pvm_upkstr(text) != 0) + (strcmp(text, "text") != 0);
}

/* Of a raw message of another kind of machine only the bytes can be read. */
static int refuse(void)
{
	char got[sizeof bytes];
	int number, wrong = pvm_upkbyte(got, COUNT(bytes), 1) != 0;

	wrong += memcmp(got, bytes, sizeof bytes) != 0;
	return wrong + (pvm_upkint(&number, 1, 1) != PvmBadMsg);
}

static unsigned encoding_of(int bufid)
{
	struct pvmminfo info = { .enc = 0 };

	pvm_getminfo(bufid, &info);
	return (unsigned)info.enc;
}

/* ---- the two tasks -------------------------------------------------------------------- */

/* Send all kinds of messages. */
static void send_all(int tid)
{
	static int many[MANY];

	pack(PvmDataDefault);
	pvm_send(tid, TAG_XDR);
	pack(PvmDataRaw);
	pvm_send(tid, TAG_RAW);
	for (int i = 0; i < MANY; i++)
		many[i] = i * 9973;
	pvm_initsend(PvmDataDefault);
	pvm_pkint(many, MANY, 1);
	pvm_send(tid, TAG_PLACED);
}

/* Receive them, and send what was wrong with each, and the raw one's encoding. */
static int receive_all(int tid, unsigned *raw)
{
	static int many[MANY];
	int wrong = 0;

	wrong += pvm_recv(tid, TAG_XDR) <= 0 || unpack() != 0;
	*raw = encoding_of(pvm_recv(tid, TAG_RAW));
	wrong += refuse();
	wrong += pvm_recv(tid, TAG_PLACED) <= 0 || pvm_upkint(many, MANY, 1) != 0;
	for (int i = 0; i < MANY; i++)
		wrong += many[i] != i * 9973;
	return wrong;
}

static void serve(int near)
{
	unsigned raw;
	int wrong = receive_all(near, &raw);

	send_all(near);
	pvm_initsend(PvmDataDefault);
	pvm_pkint(&wrong, 1, 1);
	pvm_pkuint(&raw, 1, 1);
	pvm_send(near, TAG_RESULT);
}

static int far(void)
{
	int near;

	check_send_int(pvm_mytid(), TAG_RESULT, 0);
	pvm_initsend(PvmDataDefault);
	pvm_pkint((int[]){ pvm_mytid() }, 1, 1);
	pvm_putinfo(place, pvm_getsbuf(), PvmMboxDefault);
	CHECK_INT(check_recv_int(pvm_mytid(), TAG_RESULT), 0);
	while ((near = check_recv_int(-1, TAG_RESULT)) > 0)
		serve(near);
	pvm_exit();
	return check_done();
}

/* Exchange all messages once. Returns the signature of the peer's machine. */
static unsigned ask(int peer)
{
	unsigned raw = 0, theirs = 0, ours;

	CHECK_INT(check_send_int(peer, TAG_RESULT, pvm_mytid()), 0);
	send_all(peer);
	CHECK_INT(receive_all(peer, &theirs), 0);
	CHECK_INT(check_recv_int(peer, TAG_RESULT), 0);
	pvm_upkuint(&raw, 1, 1);
	ours = encoding_of(pvm_initsend(PvmDataRaw));
	CHECK(raw == ours);
	return theirs;
}

static int near(const char *route)
{
	const volatile struct share_home *home;
	int peer = 0;

	if (strcmp(route, "direct") == 0)
		pvm_setopt(PvmRoute, PvmRouteDirect);
	CHECK(pvm_recvinfo(place, 0, PvmMboxWaitForInfo) > 0);
	pvm_upkint(&peer, 1, 1);
	printf("signature %08x\n", ask(peer));
	for (int i = 0; i < ROUNDS && strcmp(route, "memory") == 0; i++)
		ask(peer);
	home = own_home();
	printf("by memory %s\n", home && home->references && home->received ? "both ways" : "none");
	CHECK_INT(check_send_int(peer, TAG_RESULT, 0), 0);
	pvm_exit();
	return check_done();
}

int main(int argc, char **argv)
{
	check_start();
	if (argc > 1 && strcmp(argv[1], "far") == 0)
		return far();
	return argc > 2 ? near(argv[2]) : 2;
}
