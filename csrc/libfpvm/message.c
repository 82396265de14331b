/* SPDX-License-Identifier: MIT */
/* Fortran calls for buffers, packing, sending and receiving. */
#include "fortran.h"

/* ---- buffers --------------------------------------------------------------- */

ENTRY pvmfinitsend_(int *encoding, int *bufid) { *bufid = pvm_initsend(*encoding); }
ENTRY pvmfmkbuf_(int *encoding, int *bufid) { *bufid = pvm_mkbuf(*encoding); }
ENTRY pvmffreebuf_(int *bufid, int *info) { *info = pvm_freebuf(*bufid); }
ENTRY pvmfgetsbuf_(int *bufid) { *bufid = pvm_getsbuf(); }
ENTRY pvmfgetrbuf_(int *bufid) { *bufid = pvm_getrbuf(); }
ENTRY pvmfsetsbuf_(int *bufid, int *old) { *old = pvm_setsbuf(*bufid); }
ENTRY pvmfsetrbuf_(int *bufid, int *old) { *old = pvm_setrbuf(*bufid); }

ENTRY pvmfbufinfo_(int *bufid, int *bytes, int *tag, int *tid, int *info)
{
	*info = pvm_bufinfo(*bufid, bytes, tag, tid);
}

/* ---- packing ---------------------------------------------------------------- */

/*
 * What the items are: STRING (bare bytes), BYTE1, INTEGER2, INTEGER4, INTEGER8, REAL4, REAL8,
 * COMPLEX8 or COMPLEX16 of fpvm3.h.
 */
ENTRY pvmfpack_(int *what, void *items, int *count, int *stride, int *info)
{
	switch (*what) {
	case PVM_STR:
	case PVM_BYTE: *info = pvm_pkbyte(items, *count, *stride); break;
	case PVM_SHORT: *info = pvm_pkshort(items, *count, *stride); break;
	case PVM_INT: *info = pvm_pkint(items, *count, *stride); break;
	case PVM_FLOAT: *info = pvm_pkfloat(items, *count, *stride); break;
	case PVM_CPLX: *info = pvm_pkcplx(items, *count, *stride); break;
	case PVM_DOUBLE: *info = pvm_pkdouble(items, *count, *stride); break;
	case PVM_DCPLX: *info = pvm_pkdcplx(items, *count, *stride); break;
	case PVM_LONG: *info = pvm_pklong(items, *count, *stride); break;
	default: *info = PvmBadParam; break;
	}
}

/* What the items are: as for pvmfpack. */
ENTRY pvmfunpack_(int *what, void *items, int *count, int *stride, int *info)
{
	switch (*what) {
	case PVM_STR:
	case PVM_BYTE: *info = pvm_upkbyte(items, *count, *stride); break;
	case PVM_SHORT: *info = pvm_upkshort(items, *count, *stride); break;
	case PVM_INT: *info = pvm_upkint(items, *count, *stride); break;
	case PVM_FLOAT: *info = pvm_upkfloat(items, *count, *stride); break;
	case PVM_CPLX: *info = pvm_upkcplx(items, *count, *stride); break;
	case PVM_DOUBLE: *info = pvm_upkdouble(items, *count, *stride); break;
	case PVM_DCPLX: *info = pvm_upkdcplx(items, *count, *stride); break;
	case PVM_LONG: *info = pvm_upklong(items, *count, *stride); break;
	default: *info = PvmBadParam; break;
	}
}

/* ---- sending and receiving ---------------------------------------------------- */

ENTRY pvmfsend_(int *tid, int *tag, int *info) { *info = pvm_send(*tid, *tag); }
ENTRY pvmfrecv_(int *tid, int *tag, int *bufid) { *bufid = pvm_recv(*tid, *tag); }
ENTRY pvmfnrecv_(int *tid, int *tag, int *bufid) { *bufid = pvm_nrecv(*tid, *tag); }
ENTRY pvmfprobe_(int *tid, int *tag, int *bufid) { *bufid = pvm_probe(*tid, *tag); }

ENTRY pvmfmcast_(int *count, int *tids, int *tag, int *info)
{
	*info = pvm_mcast(tids, *count, *tag);
}

/* Seconds of -1: no limit. */
ENTRY pvmftrecv_(int *tid, int *tag, int *seconds, int *microseconds, int *bufid)
{
	struct timeval limit = { .tv_sec = *seconds, .tv_usec = *microseconds };

	*bufid = pvm_trecv(*tid, *tag, *seconds == -1 ? NULL : &limit);
}

ENTRY pvmfpsend_(int *tid, int *tag, void *items, int *count, int *type, int *info)
{
	*info = pvm_psend(*tid, *tag, items, *count, *type);
}

ENTRY pvmfprecv_(int *tid, int *tag, void *items, int *count, int *type, int *rtid, int *rtag,
	int *rlen, int *info)
{
	*info = pvm_precv(*tid, *tag, items, *count, *type, rtid, rtag, rlen);
}
