/* SPDX-License-Identifier: MIT */
/* pvm_pk... and pvm_upk...: items into the send buffer and out of the receive buffer. */
#include "calls/api.h"

/* Pack into, or unpack from, a current buffer; `name` for the error report. */
static inline int move_items(const char *name, struct message *m, bool in, enum item item, void *p,
	int n, int stride)
{
	ptrdiff_t step = (ptrdiff_t)stride * pvm__item_size[item];

	if (n < 0 || !m) {
		pvm__connect_if_possible();
		return pvm__result(name, n < 0 ? PvmBadParam : PvmNoBuf);
	}
	if (n == 0 && !(in && m->enc == WIRE_ENC_INPLACE && step != pvm__item_size[item]))
		return 0;
	return pvm__result(name,
		in ? m->codec->pack(m, item, p, n, step) : m->codec->unpack(m, item, p, n, step));
}

/*
 * pvm_pkT and pvm_upkT: items of type T, the first at p, each `stride` items
 * behind the one before; stride 0 and negative strides are allowed. 0,
 * PvmBadParam (n < 0), PvmNoBuf; packing: PvmNoMem, PvmNotImpl (in place with a
 * stride other than 1), PvmOverflow (long without a 4-byte form in XDR; nothing
 * is packed); unpacking: PvmNoData, PvmBadMsg.
 */
#define ITEM_CALLS(name, NAME, T) \
	ITEM_CALL(pvm_pk##name, pvm__task.sbuf, true, PK##NAME, NAME, T) \
	ITEM_CALL(pvm_upk##name, pvm__task.rbuf, false, UPK##NAME, NAME, T)
#define ITEM_CALL(function, buffer, in, EVENT, NAME, T) \
	API_TRACED_WAY int function##_traced(T *p, int n, int stride) \
	{ \
		API_ENTER(TEV_##EVENT, TEV_DID_PDA, p, TEV_DID_PC, n, TEV_DID_PSD, stride); \
		return API_LEAVE(TEV_##EVENT, TEV_DID_CC, \
			move_items(#function, buffer, in, ITEM_##NAME, p, n, stride)); \
	} \
	int function(T *p, int n, int stride) \
	{ \
		API_IF_TRACED(function##_traced(p, n, stride)); \
		API_LOCK(); \
		return move_items(#function, buffer, in, ITEM_##NAME, p, n, stride); \
	}

ITEM_CALLS(byte, BYTE, char)
ITEM_CALLS(short, SHORT, short)
ITEM_CALLS(ushort, USHORT, unsigned short)
ITEM_CALLS(int, INT, int)
ITEM_CALLS(uint, UINT, unsigned int)
ITEM_CALLS(long, LONG, long)
ITEM_CALLS(ulong, ULONG, unsigned long)
ITEM_CALLS(float, FLOAT, float)
ITEM_CALLS(double, DOUBLE, double)
ITEM_CALLS(cplx, CPLX, float)
ITEM_CALLS(dcplx, DCPLX, double)

/* Pack a string. 0, PvmBadParam (NULL), PvmNoBuf, PvmNoMem, PvmNotImpl (in place). */
int pvm_pkstr(char *text)
{
	int code;

	API_ENTER(TEV_PKSTR, TEV_DID_PDA, text);
	if (!text)
		code = PvmBadParam;
	else if (!pvm__task.sbuf)
		code = PvmNoBuf;
	else
		code = pvm__put_str(pvm__task.sbuf, text);
	return API_LEAVE(TEV_PKSTR, TEV_DID_CC, pvm__result("pvm_pkstr", code));
}

/* Unpack a string; the caller must know that it fits. 0, PvmNoBuf, PvmNoData, PvmBadMsg. */
int pvm_upkstr(char *text)
{
	API_LOCK();
	struct message *m = pvm__task.rbuf;

	API_BEGIN(TEV_UPKSTR, TEV_DID_PDA, text);
	return API_LEAVE(TEV_UPKSTR, TEV_DID_CC,
		pvm__result("pvm_upkstr", m ? pvm__unpack_text(m, text) : PvmNoBuf));
}
