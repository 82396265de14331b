/* SPDX-License-Identifier: MIT */
/* Sending: pvm_send, pvm_mcast, pvm_psend. */
#include "calls/api.h"

#include <stdlib.h>
#include <string.h>

enum { FEW = 32 }; /* receivers that a multicast keeps on the stack */

bool pvm__may_send(int tid, int tag)
{
	return pvm__task.option.resv_tids || (tag >= 0 && wire_is_task((uint32_t)tid));
}

/*
 * What a call sends of the send buffer, as pvm__message_to_send; NULL: there is none, *code is
 * PvmNoBuf, or PvmNoMem. pvm_getminfo shows the receiver `dst`.
 */
static struct message *outgoing(int dst, int tag, int *code)
{
	struct message *m = pvm__task.sbuf;

	*code = PvmNoBuf;
	if (!m)
		return NULL;
	m->tag = tag;
	m->ctx = pvmmyctx;
	m->dst = dst;
	*code = PvmNoMem;
	return pvm__message_to_send(m);
}

static inline int send_buffer(int tid, int tag)
{
	struct message *m;
	int code = pvm__connect();

	if (code < 0)
		return code;
	m = pvm__task.sbuf;
	if (tid == PVM_TRACE_TID && tag == PVM_TRACE_CODE && m && m->enc == WIRE_ENC_TRACE)
		return pvm__trace_user_event(m);
	if (!pvm__may_send(tid, tag))
		return PvmBadParam;
	m = outgoing(tid, tag, &code);
	if (!m)
		return code;
	return pvm__send(m, tid);
}

API_TRACED_WAY int send_traced(int tid, int tag)
{
	API_ENTER(TEV_SEND, TEV_DID_MNB, pvm__trace_header_of(pvm__task.sbuf).bytes, TEV_DID_DST,
		tid, TEV_DID_MC, tag, TEV_DID_MCX, pvmmyctx);
	return API_LEAVE(TEV_SEND, TEV_DID_CC, pvm__result("pvm_send", send_buffer(tid, tag)));
}

/* Send the send buffer to a task. 0, PvmBadParam, PvmNoBuf, PvmSysErr. */
int pvm_send(int tid, int tag)
{
	API_IF_TRACED(send_traced(tid, tag));
	API_LOCK();
	return pvm__result("pvm_send", send_buffer(tid, tag));
}

/* Send the message to a copy of the list, which the engine sorts. 0 or an error code. */
static int multicast(struct message *m, const int *tids, int n)
{
	int few[FEW], *list = n <= FEW ? few : malloc((size_t)n * sizeof *list);
	int code;

	if (!list)
		return PvmNoMem;
	if (n)
		memcpy(list, tids, (size_t)n * sizeof *list);
	pvm__keep(list != few ? list : NULL, free);
	code = pvm__multicast(m, list, n);
	pvm__kept(list);
	if (list != few)
		free(list);
	return code;
}

int pvm__send_to_all(struct message *m, const int *tids, int n)
{
	int code;

	pvm__keep(m, pvm__message_end);
	code = multicast(m, tids, n);
	pvm__kept(m);
	pvm__message_unref(m);
	return code;
}

static int mcast_buffer(const int *tids, int n, int tag)
{
	struct message *m;
	bool others = false;
	int code = pvm__connect();

	if (code < 0)
		return code;
	if (!pvm__task.sbuf)
		return PvmNoBuf;
	if (n < 0 || (n && !tids) || !pvm__may_send(1, tag))
		return PvmBadParam;
	for (int i = 0; i < n; i++) {
		if (!pvm__may_send(tids[i], tag))
			return PvmBadParam;
		others |= tids[i] != pvmmytid;
	}
	if (!others)
		return 0; /* and the header stays as it was */
	m = outgoing(pvmmytid | (int)TIDGID, tag, &code);
	return m ? pvm__send_to_all(m, tids, n) : code;
}

/*
 * Send the send buffer to many tasks, each once and never to this one.
 * 0, PvmNoBuf, PvmBadParam, PvmSysErr, PvmNoMem.
 */
int pvm_mcast(int *tids, int n, int tag)
{
	API_ENTER(TEV_MCAST, TEV_DID_MNB, pvm__trace_header_of(pvm__task.sbuf).bytes, TEV_DID_MC,
		tag, TEV_DID_MCX, pvmmyctx, TEV_DID_MDL, tids, n);
	return API_LEAVE(TEV_MCAST, TEV_DID_CC,
		pvm__result("pvm_mcast", mcast_buffer(tids, n, tag)));
}

/* Bytes of one item of a PVM_... type, or an error code. */
static int type_size(int type)
{
	switch (type) {
	case PVM_BYTE: return 1;
	case PVM_SHORT:
	case PVM_USHORT: return sizeof(short);
	case PVM_INT:
	case PVM_UINT: return sizeof(int);
	case PVM_LONG:
	case PVM_ULONG: return sizeof(long);
	case PVM_FLOAT: return sizeof(float);
	case PVM_DOUBLE:
	case PVM_CPLX: return sizeof(double);
	case PVM_DCPLX: return 2 * sizeof(double);
	case PVM_STR: return PvmNotImpl;
	default: return PvmBadParam;
	}
}

int pvm__typed_bytes(int type, int n)
{
	int size = type_size(type);

	if (size < 0)
		return size;
	if (n < 0)
		return PvmBadParam;
	return n > INT32_MAX / size ? PvmOverflow : n * size;
}

static int send_typed(int tid, int tag, void *data, int n, int type)
{
	int bytes = pvm__typed_bytes(type, n);
	struct message *m;
	int code;

	if (bytes < 0)
		return bytes;
	code = pvm__connect();
	if (code < 0)
		return code;
	if (!pvm__may_send(tid, tag) || (!data && bytes))
		return PvmBadParam;
	m = pvm__message_new(WIRE_ENC_INPLACE);
	if (!m)
		return PvmNoMem;
	m->tag = tag;
	m->ctx = pvmmyctx;
	if (bytes)
		code = pvm__message_share(m, NULL, data, (uint32_t)bytes);
	if (code >= 0)
		return pvm__send(m, tid);
	pvm__message_unref(m);
	return code;
}

/*
 * Send `n` items of a type as they are in memory, past the send buffer.
 * 0, PvmBadParam, PvmNotImpl (strings), PvmSysErr, PvmNoMem.
 */
int pvm_psend(int tid, int tag, void *data, int n, int type)
{
	API_ENTER(TEV_PSEND, TEV_DID_DST, tid, TEV_DID_MC, tag, TEV_DID_MCX, pvmmyctx, TEV_DID_PDA,
		data, TEV_DID_PC, n, TEV_DID_PDT, type);
	return API_LEAVE(TEV_PSEND, TEV_DID_CC,
		pvm__result("pvm_psend", send_typed(tid, tag, data, n, type)));
}
