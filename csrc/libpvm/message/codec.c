/* SPDX-License-Identifier: MIT */
/* Codecs other than XDR, and the choice of the one that a message needs. */
#include "message/message.h"

/* ---- raw ----------------------------------------------------------------- */

static int raw_pack(struct message *m, enum item item, const char *p, int n, ptrdiff_t step)
{
	return pvm__append_items(m, pvm__item_size[item], p, n, step);
}

static int raw_unpack(struct message *m, enum item item, char *p, int n, ptrdiff_t step)
{
	return pvm__take_items(m, pvm__item_size[item], p, n, step);
}

static int raw_pack_str(struct message *m, const char *text, int len)
{
	int code = pvm__append(m, &len, sizeof len);

	return code ? code : pvm__append(m, text, (size_t)len);
}

static const struct codec raw = { raw_pack, raw_unpack, raw_pack_str };

/* ---- in place ------------------------------------------------------------ */

static int inplace_pack(struct message *m, enum item item, const char *p, int n, ptrdiff_t step)
{
	uint64_t len = (uint64_t)pvm__item_size[item] * (uint64_t)n;

	if (step != pvm__item_size[item])
		return PvmNotImpl;
	if (len > INT32_MAX - WIRE_HEADROOM)
		return PvmOverflow;
	return pvm__message_share(m, NULL, (unsigned char *)p, (uint32_t)len);
}

static int no_unpack(struct message *m, enum item item, char *p, int n, ptrdiff_t step)
{
	(void)m, (void)item, (void)p, (void)n, (void)step;
	return PvmBadMsg;
}

static int inplace_pack_str(struct message *m, const char *text, int len)
{
	(void)m, (void)text, (void)len;
	return PvmNotImpl;
}

static const struct codec inplace = { inplace_pack, no_unpack, inplace_pack_str };

/* ---- trace: XDR with a type mark in front of each run of items ------------- */

static int trace_pack(struct message *m, enum item item, const char *p, int n, ptrdiff_t step)
{
	static const unsigned char types[ITEMS] = {
		[ITEM_BYTE] = TEV_DATA_BYTE,
		[ITEM_CPLX] = TEV_DATA_CPLX,
		[ITEM_DCPLX] = TEV_DATA_DCPLX,
		[ITEM_DOUBLE] = TEV_DATA_DOUBLE,
		[ITEM_FLOAT] = TEV_DATA_FLOAT,
		[ITEM_INT] = TEV_DATA_INT,
		[ITEM_UINT] = TEV_DATA_INT,
		[ITEM_LONG] = TEV_DATA_LONG,
		[ITEM_ULONG] = TEV_DATA_ULONG,
		[ITEM_SHORT] = TEV_DATA_SHORT,
		[ITEM_USHORT] = TEV_DATA_SHORT,
	};
	int mark[2] = { types[item] + (n > 1 ? TEV_DATA_ARRAY : TEV_DATA_SCALAR), n };
	int code = pvm__xdr_check(item, p, n, step);

	if (code == 0)
		code = pvm__codec_xdr.pack(m, ITEM_INT, (char *)mark, n > 1 ? 2 : 1, sizeof(int));
	return code ? code : pvm__codec_xdr.pack(m, item, p, n, step);
}

/* A string is marked as bytes and has neither length nor NUL. */
static int trace_pack_str(struct message *m, const char *text, int len)
{
	return len > 1 ? trace_pack(m, ITEM_BYTE, text, len - 1, 1) : 0;
}

static int xdr_unpack(struct message *m, enum item item, char *p, int n, ptrdiff_t step)
{
	return pvm__codec_xdr.unpack(m, item, p, n, step);
}

static const struct codec trace = { trace_pack, xdr_unpack, trace_pack_str };

int pvm__trace_header(struct message *m)
{
	static const char name[] = "user_defined";
	struct timeval now;
	int head[2] = { TEV_MARK_USER_EVENT_RECORD, TEV_USER_DEFINED };
	int time[2];
	int code;

	gettimeofday(&now, NULL);
	time[0] = (int)now.tv_sec;
	time[1] = (int)now.tv_usec;
	code = pvm__codec_xdr.pack(m, ITEM_INT, (char *)head, 2, sizeof(int));
	if (code == 0)
		code = pvm__codec_xdr.pack_str(m, name, sizeof name);
	return code ? code : pvm__codec_xdr.pack(m, ITEM_INT, (char *)time, 2, sizeof(int));
}

/* ---- messages of machines whose raw form is another: bytes only ------------ */

static int alien_pack(struct message *m, enum item item, const char *p, int n, ptrdiff_t step)
{
	return item == ITEM_BYTE ? raw_pack(m, item, p, n, step) : PvmBadMsg;
}

static int alien_unpack(struct message *m, enum item item, char *p, int n, ptrdiff_t step)
{
	return item == ITEM_BYTE ? raw_unpack(m, item, p, n, step) : PvmBadMsg;
}

static int alien_pack_str(struct message *m, const char *text, int len)
{
	(void)m, (void)text, (void)len;
	return PvmBadMsg;
}

static const struct codec alien = { alien_pack, alien_unpack, alien_pack_str };

/* ---- packing into a message that was read ---------------------------------- */

void pvm__message_resume(struct message *m)
{
	if (m->codec != &pvm__codec_restart)
		return;
	pvm__message_clear(m);
	pvm__message_set_codec(m);
}

static int restart_pack(struct message *m, enum item item, const char *p, int n, ptrdiff_t step)
{
	pvm__message_resume(m);
	return m->codec->pack(m, item, p, n, step);
}

static int restart_pack_str(struct message *m, const char *text, int len)
{
	pvm__message_resume(m);
	return m->codec->pack_str(m, text, len);
}

const struct codec pvm__codec_restart = { restart_pack, no_unpack, restart_pack_str };

/* ---- choice ---------------------------------------------------------------- */

void pvm__message_set_codec(struct message *m)
{
	if (m->enc == WIRE_ENC_XDR)
		m->codec = &pvm__codec_xdr;
	else if (m->enc == pvm__dsig())
		m->codec = &raw;
	else if (m->enc == WIRE_ENC_TRACE)
		m->codec = &trace;
	else if (m->enc == WIRE_ENC_INPLACE)
		m->codec = &inplace;
	else
		m->codec = &alien;
}
