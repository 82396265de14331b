/* SPDX-License-Identifier: MIT */
/* Message buffers: making, freeing, making current, information. */
#include "check.h"

static void making(void)
{
	int a, b;

	CHECK_INT(pvm_getsbuf(), 0);
	CHECK_INT(pvm_getrbuf(), 0);
	CHECK_INT(pvm_mkbuf(3), PvmBadParam);
	CHECK_INT(pvm_mkbuf(-1), PvmBadParam);
	CHECK_INT(pvm_initsend(5), PvmBadParam);
	a = pvm_mkbuf(PvmDataRaw);
	b = pvm_mkbuf(PvmDataInPlace);
	CHECK(a > 0 && b > 0 && a != b);
	CHECK_INT(pvm_setsbuf(a), 0);
	CHECK_INT(pvm_getsbuf(), a);
	CHECK_INT(pvm_setsbuf(b), a);
	CHECK_INT(pvm_setrbuf(b), 0);
	CHECK_INT(pvm_getsbuf(), 0);
	CHECK_INT(pvm_getrbuf(), b);
	CHECK_INT(pvm_setrbuf(0), b);
	CHECK_INT(pvm_freebuf(a), 0);
	CHECK_INT(pvm_freebuf(a), PvmNoSuchBuf);
	CHECK_INT(pvm_freebuf(b), 0);
	CHECK_INT(pvm_freebuf(0), 0);
	CHECK_INT(pvm_freebuf(-1), PvmBadParam);
	CHECK_INT(pvm_setsbuf(-1), PvmBadParam);
	CHECK_INT(pvm_setsbuf(4711), PvmNoSuchBuf);
	CHECK_INT(pvm_setrbuf(-1), PvmBadParam);
	CHECK_INT(pvm_setrbuf(4711), PvmNoSuchBuf);
}

static void initsend_replaces_the_send_buffer(void)
{
	int first = pvm_initsend(PvmDataDefault), other, second;

	CHECK(first > 0);
	other = pvm_mkbuf(PvmDataDefault);
	second = pvm_initsend(PvmDataRaw);
	CHECK_INT(pvm_getsbuf(), second);
	if (first != second)
		CHECK_INT(pvm_freebuf(first), PvmNoSuchBuf);
	CHECK_INT(pvm_freebuf(other), 0);
	CHECK_INT(pvm_freebuf(second), 0);
	CHECK_INT(pvm_getsbuf(), 0);
}

/* A number that was given back is wrong in every call that takes one. */
static void refused(int stale)
{
	struct pvmminfo info;
	int current = pvm_getsbuf();

	CHECK_INT(pvm_freebuf(stale), PvmNoSuchBuf);
	CHECK_INT(pvm_setsbuf(stale), PvmNoSuchBuf);
	CHECK_INT(pvm_setrbuf(stale), PvmNoSuchBuf);
	CHECK_INT(pvm_bufinfo(stale, NULL, NULL, NULL), PvmNoSuchBuf);
	CHECK_INT(pvm_getminfo(stale, &info), PvmNoSuchBuf);
	CHECK_INT(pvm_pkmesg(stale), PvmNoSuchBuf);
	CHECK_INT(pvm_pkmesgbody(stale), PvmNoSuchBuf);
	CHECK_INT(pvm_getsbuf(), current);
}

static void stale_numbers(void)
{
	int a, b, value = 7, mytid = pvm_mytid();

	a = pvm_initsend(PvmDataDefault);
	b = pvm_initsend(PvmDataDefault);
	CHECK(a != b);
	refused(a);
	CHECK_INT(pvm_pkint(&value, 1, 1), 0);
	for (int tag = 1; tag <= 3; tag++)
		check_send_int(mytid, tag, tag);
	CHECK_INT(check_recv_int(mytid, 3), 3);
	a = pvm_recv(mytid, 1);
	b = pvm_recv(mytid, 2);
	CHECK(a != b);
	refused(a);
	CHECK_INT(pvm_upkint(&value, 1, 1), 0);
	CHECK_INT(value, 2);
	CHECK_INT(pvm_putinfo("stale numbers", pvm_getsbuf(), PvmMboxDefault), 0);
	a = pvm_recvinfo("stale numbers", 0, PvmMboxDefault);
	b = pvm_recvinfo("stale numbers", 0, PvmMboxDefault);
	CHECK(a != b);
	refused(a);
	CHECK_INT(pvm_upkint(&value, 1, 1), 0);
	CHECK_INT(value, 3);
	/* What is not found leaves an empty buffer. */
	CHECK_INT(pvm_recvinfo("stale numbers", 7, PvmMboxDefault), PvmNotFound);
	refused(b);
	CHECK(pvm_getrbuf() > 0);
	CHECK_INT(pvm_upkint(&value, 1, 1), PvmNoData);
	CHECK_INT(pvm_delinfo("stale numbers", 0, PvmMboxDefault), 0);
}

/* The receiver of what was sent; of a multicast, what stands for its receivers. */
static void receivers(void)
{
	enum { MULTICAST = 0x40000000 };
	int id = pvm_initsend(PvmDataDefault), mytid = pvm_mytid(), tid = mytid + 1000;
	struct pvmminfo info;

	CHECK_INT(pvm_getminfo(id, &info), 0);
	CHECK_INT(info.dst, 0);
	CHECK_INT(info.src, mytid);
	CHECK_INT(pvm_send(tid, 5), 0);
	CHECK_INT(pvm_getminfo(id, &info), 0);
	CHECK_INT(info.dst, tid);
	CHECK_INT(pvm_send(-1, 6), PvmBadParam);
	CHECK_INT(pvm_getminfo(id, &info), 0);
	CHECK_INT(info.dst, tid);
	CHECK_INT(pvm_mcast(&tid, 1, 7), 0);
	CHECK_INT(pvm_getminfo(id, &info), 0);
	CHECK_INT(info.dst, mytid | MULTICAST);
}

static void information(void)
{
	int id, bytes = -1, tag = -1, tid = -1, value = 4;
	struct pvmminfo info;

	CHECK_INT(pvm_bufinfo(0, &bytes, &tag, &tid), PvmBadParam);
	CHECK_INT(pvm_bufinfo(-3, &bytes, &tag, &tid), PvmBadParam);
	CHECK_INT(pvm_bufinfo(4711, &bytes, &tag, &tid), PvmNoSuchBuf);
	CHECK_INT(pvm_getminfo(0, &info), PvmBadParam);
	CHECK_INT(pvm_getminfo(4711, &info), PvmNoSuchBuf);
	CHECK_INT(pvm_setminfo(4711, &info), PvmNoSuchBuf);
	id = pvm_initsend(PvmDataDefault);
	CHECK_INT(pvm_pkint(&value, 1, 1), 0);
	CHECK_INT(pvm_bufinfo(id, &bytes, NULL, NULL), 0);
	CHECK_INT(bytes, 4);
	CHECK_INT(pvm_getminfo(id, &info), 0);
	CHECK_INT(info.len, 4);
	CHECK_INT(info.enc, 0x10000000);
	CHECK_INT(info.crc, 0);
	info.tag = 9;
	info.ctx = 8;
	info.wid = 7;
	info.src = 6;
	info.dst = 5;
	info.len = 1000;
	info.enc = 1;
	CHECK_INT(pvm_setminfo(id, &info), 0);
	memset(&info, 0, sizeof info);
	CHECK_INT(pvm_getminfo(id, &info), 0);
	CHECK_INT(info.tag, 9);
	CHECK_INT(info.ctx, 8);
	CHECK_INT(info.wid, 7);
	CHECK_INT(info.src, 6);
	CHECK_INT(info.dst, 5);
	CHECK_INT(info.len, 4);
	CHECK_INT(info.enc, 0x10000000);
	/* The wait id is sent; context and tag are those of the send. */
	CHECK_INT(pvm_send(pvm_mytid(), 3), 0);
	CHECK_INT(pvm_getminfo(pvm_recv(pvm_mytid(), 3), &info), 0);
	CHECK_INT(info.wid, 7);
	CHECK_INT(info.ctx, 0);
	CHECK_INT(pvm_freebuf(id), 0);
}

static void many_buffers(void)
{
	enum { COUNT = 3000 };
	static int ids[COUNT];

	for (int i = 0; i < COUNT; i++) {
		ids[i] = pvm_mkbuf(PvmDataDefault);
		if (ids[i] <= 0) {
			CHECK(ids[i] > 0);
			return;
		}
	}
	for (int i = 0; i < COUNT; i++)
		if (pvm_freebuf(ids[i]) != 0)
			CHECK_INT(pvm_freebuf(ids[i]), 0);
	CHECK_INT(pvm_freebuf(ids[COUNT / 2]), PvmNoSuchBuf);
}

int main(void)
{
	check_start();
	making();
	initsend_replaces_the_send_buffer();
	stale_numbers();
	receivers();
	information();
	many_buffers();
	return check_done();
}
