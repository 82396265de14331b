# SPDX-License-Identifier: MIT
"""What PVM's manual documents of each function: error codes, and options among its arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from pvm3py import classic as task
from support.system import PROJECT


@dataclass(frozen=True)
class Documented:
    """Names of a function's error codes and options, in the order of the table."""

    codes: tuple[str, ...]
    options: tuple[str, ...]


_ENCODINGS = "PvmDataDefault PvmDataRaw PvmDataInPlace PvmDataTrace"
_TYPES = (
    "PVM_BYTE PVM_SHORT PVM_INT PVM_FLOAT PVM_CPLX PVM_DOUBLE PVM_DCPLX PVM_LONG"
    " PVM_USHORT PVM_UINT PVM_ULONG"
)
_GROUP_TYPES = "PVM_STR PVM_BYTE PVM_SHORT PVM_INT PVM_FLOAT PVM_CPLX PVM_DOUBLE PVM_DCPLX PVM_LONG"
_SETTINGS = (
    "PvmRoute PvmDebugMask PvmAutoErr PvmOutputTid PvmOutputCode PvmTraceTid PvmTraceCode"
    " PvmTraceBuffer PvmTraceOptions PvmFragSize PvmResvTids PvmSelfOutputTid"
    " PvmSelfOutputCode PvmSelfTraceTid PvmSelfTraceCode PvmSelfTraceBuffer"
    " PvmSelfTraceOptions PvmShowTids PvmPollType PvmPollTime PvmOutputContext"
    " PvmTraceContext PvmSelfOutputContext PvmSelfTraceContext PvmNoReset PvmThreadBuffers"
)
_PACK = "PvmBadParam PvmNoBuf PvmNoMem PvmNotImpl"
_UNPACK = "PvmBadParam PvmNoBuf PvmNoData PvmBadMsg"

# One line a function: its codes, and behind a bar its options.
_LIBPVM = f"""
pvm_mytid: PvmSysErr
pvm_parent: PvmNoParent PvmParentNotSet PvmSysErr
pvm_siblings: PvmNoTask PvmSysErr
pvm_exit: PvmSysErr
pvm_version:
pvm_spawn: PvmBadParam PvmNoFile PvmNoHost PvmNoMem PvmOutOfRes PvmSysErr | PvmTaskDefault \
 PvmTaskHost PvmTaskArch PvmTaskDebug PvmTaskTrace PvmMppFront PvmHostCompl PvmNoSpawnParent
pvm_kill: PvmBadParam PvmSysErr
pvm_sendsig: PvmBadParam PvmSysErr
pvm_pstat: PvmNoTask PvmBadParam PvmSysErr
pvm_tasks: PvmBadParam PvmNoHost PvmSysErr
pvm_tidtohost: PvmBadParam PvmSysErr
pvm_notify: PvmBadParam PvmSysErr | PvmTaskExit PvmHostDelete PvmHostAdd PvmRouteAdd \
 PvmRouteDelete PvmNotifyCancel
pvm_catchout: PvmSysErr
pvm_export:
pvm_unexport:
pvm_config: PvmSysErr
pvm_addhosts: PvmBadParam PvmAlready PvmSysErr PvmOutOfRes PvmNoHost PvmCantStart PvmDupHost \
 PvmBadVersion
pvm_delhosts: PvmBadParam PvmNoHost PvmSysErr
pvm_mstat: PvmNoHost PvmHostFail PvmBadParam PvmSysErr
pvm_archcode: PvmBadParam PvmNotFound PvmSysErr
pvm_hostsync: PvmNoHost PvmHostFail PvmSysErr
pvm_start_pvmd: PvmDupHost PvmCantStart PvmSysErr
pvm_halt: PvmSysErr
pvm_tickle: PvmBadParam PvmSysErr
pvm_initsend: PvmBadParam PvmNoMem | {_ENCODINGS}
pvm_mkbuf: PvmBadParam PvmNoMem | {_ENCODINGS}
pvm_freebuf: PvmBadParam PvmNoSuchBuf
pvm_getsbuf:
pvm_setsbuf: PvmBadParam PvmNoSuchBuf
pvm_getrbuf:
pvm_setrbuf: PvmBadParam PvmNoSuchBuf
pvm_bufinfo: PvmBadParam PvmNoSuchBuf
pvm_getminfo: PvmBadParam PvmNoSuchBuf
pvm_setminfo: PvmBadParam PvmNoSuchBuf
pvm_pkbyte: {_PACK}
pvm_pkshort: {_PACK}
pvm_pkushort: {_PACK}
pvm_pkint: {_PACK}
pvm_pkuint: {_PACK}
pvm_pklong: {_PACK} PvmOverflow
pvm_pkulong: {_PACK} PvmOverflow
pvm_pkfloat: {_PACK}
pvm_pkdouble: {_PACK}
pvm_pkcplx: {_PACK}
pvm_pkdcplx: {_PACK}
pvm_pkstr: PvmNoBuf PvmNoMem PvmNotImpl
pvm_packf: PvmBadParam PvmNoBuf PvmNoMem PvmNotImpl
pvm_pkmesg: PvmBadParam PvmNoSuchBuf PvmNoBuf PvmNoMem PvmNoData PvmMismatch
pvm_pkmesgbody: PvmBadParam PvmNoSuchBuf PvmNoBuf PvmMismatch PvmNoMem PvmNoData
pvm_upkbyte: PvmBadParam PvmNoBuf PvmNoData PvmBadMsg
pvm_upkshort: {_UNPACK}
pvm_upkushort: {_UNPACK}
pvm_upkint: {_UNPACK}
pvm_upkuint: {_UNPACK}
pvm_upklong: {_UNPACK}
pvm_upkulong: {_UNPACK}
pvm_upkfloat: {_UNPACK}
pvm_upkdouble: {_UNPACK}
pvm_upkcplx: {_UNPACK}
pvm_upkdcplx: {_UNPACK}
pvm_upkstr: PvmNoBuf PvmNoData PvmBadMsg
pvm_unpackf: {_UNPACK}
pvm_upkmesg: PvmNoBuf PvmBadMsg PvmNoData PvmNoMem
pvm_send: PvmBadParam PvmNoBuf PvmSysErr
pvm_mcast: PvmBadParam PvmNoBuf PvmSysErr
pvm_psend: PvmBadParam PvmNotImpl PvmSysErr | {_TYPES}
pvm_recv: PvmBadParam PvmNotImpl PvmSysErr
pvm_nrecv: PvmBadParam PvmSysErr
pvm_trecv: PvmBadParam PvmNotImpl PvmSysErr
pvm_precv: PvmBadParam PvmNotImpl PvmSysErr | {_TYPES}
pvm_probe: PvmBadParam PvmSysErr
pvm_recvf:
pvm_getfds: PvmSysErr
pvm_addmhf: PvmBadParam PvmExists
pvm_delmhf: PvmBadParam PvmNotFound
pvm_newcontext: PvmOutOfRes PvmSysErr
pvm_freecontext: PvmNotFound PvmSysErr
pvm_getcontext:
pvm_setcontext:
pvm_getopt: PvmBadParam | {_SETTINGS}
pvm_setopt: PvmBadParam PvmNotImpl PvmSysErr | {_SETTINGS} PvmDontRoute PvmAllowDirect \
 PvmRouteDirect PvmTraceFull PvmTraceTime PvmTraceCount
pvm_putinfo: PvmBadParam PvmNoSuchBuf PvmNoMem PvmExists PvmDenied PvmSysErr | PvmMboxDefault \
 PvmMboxPersistent PvmMboxMultiInstance PvmMboxOverWritable PvmMboxDirectIndex
pvm_recvinfo: PvmBadParam PvmNotFound PvmDenied PvmSysErr | PvmMboxDefault PvmMboxFirstAvail \
 PvmMboxReadAndDelete PvmMboxWaitForInfo
pvm_delinfo: PvmBadParam PvmNotFound PvmDenied PvmSysErr | PvmMboxDefault
pvm_getmboxinfo: PvmSysErr
pvm_insert: PvmBadParam PvmDupEntry PvmSysErr
pvm_lookup: PvmBadParam PvmNoEntry PvmSysErr
pvm_delete: PvmBadParam PvmNoEntry PvmSysErr
pvm_reg_hoster: PvmAlready PvmHostrNMstr PvmSysErr
pvm_reg_tasker: PvmAlready PvmSysErr
pvm_reg_rm: PvmSysErr
pvm_reg_tracer: PvmBadParam PvmAlready PvmSysErr | PvmTraceFull PvmTraceTime PvmTraceCount
pvm_getnoresets: PvmSysErr
pvm_gettmask: PvmBadParam | PvmTaskSelf PvmTaskChild
pvm_settmask: PvmBadParam | PvmTaskSelf PvmTaskChild
pvm_perror:
pvm_strerror:
"""

_LIBGPVM = f"""
pvm_joingroup: PvmNullGroup PvmDupGroup PvmNotInGroup PvmSysErr
pvm_lvgroup: PvmNullGroup PvmNoGroup PvmNotInGroup PvmSysErr
pvm_getinst: PvmNullGroup PvmNoGroup PvmNotInGroup PvmSysErr
pvm_gettid: PvmNullGroup PvmNoGroup PvmNoInst PvmSysErr
pvm_gsize: PvmNullGroup PvmNoGroup PvmSysErr
pvm_barrier: PvmNullGroup PvmMismatch PvmNoGroup PvmNotInGroup PvmSysErr
pvm_bcast: PvmNullGroup PvmBadParam PvmNoGroup PvmNoInst PvmNoBuf PvmSysErr
pvm_freezegroup: PvmNullGroup PvmMismatch PvmDupGroup PvmNoGroup PvmNotInGroup PvmSysErr
pvm_gather: PvmBadParam PvmNullGroup PvmNoGroup PvmNotInGroup PvmNoInst PvmSysErr | {_GROUP_TYPES}
pvm_scatter: PvmBadParam PvmNullGroup PvmNoGroup PvmNotInGroup PvmNoInst PvmSysErr | {_GROUP_TYPES}
pvm_reduce: PvmBadParam PvmNullGroup PvmNoGroup PvmNotInGroup PvmNoInst PvmSysErr | PvmSum \
 PvmProduct PvmMax PvmMin PVM_BYTE PVM_SHORT PVM_INT PVM_FLOAT PVM_CPLX PVM_DOUBLE PVM_DCPLX \
 PVM_LONG
"""


def _table(text: str) -> dict[str, Documented]:
    found = {}
    for line in text.replace("\\\n", "").strip().splitlines():
        name, _, rest = line.partition(":")
        codes, _, options = rest.partition("|")
        found[name] = Documented(tuple(codes.split()), tuple(options.split()))
    return found


LIBRARIES = {"libpvm3": _table(_LIBPVM), "libgpvm3": _table(_LIBGPVM)}

# Two names of one number.
SAME = {"PvmNoEntry": "PvmNotFound", "PvmDupEntry": "PvmDenied"}

# Documented, but without a test: function and code, and why. What 3.4.6 does was tried with it.
_UNCHECKED_TID = "3.4.6 checks neither tid nor tag"
_WHOLE = "a message is packed as it is, however much of it has been read"
NOT_PROVOKED: dict[tuple[str, str], str] = {
    ("pvm_siblings", "PvmNoTask"): "only pvmfsiblings gives it, for an index out of range",
    ("pvm_tasks", "PvmBadParam"): "what is neither host nor task is PvmNoHost",
    ("pvm_tidtohost", "PvmBadParam"): "3.4.6 does not check the tid",
    ("pvm_tidtohost", "PvmSysErr"): "3.4.6 asks nobody",
    ("pvm_addhosts", "PvmOutOfRes"): "needs a machine of 4095 hosts; see test_host_parts.py",
    ("pvm_recv", "PvmBadParam"): _UNCHECKED_TID,
    ("pvm_nrecv", "PvmBadParam"): _UNCHECKED_TID,
    ("pvm_trecv", "PvmBadParam"): _UNCHECKED_TID,
    ("pvm_probe", "PvmBadParam"): _UNCHECKED_TID,
    ("pvm_addmhf", "PvmBadParam"): "any numbers are taken",
    ("pvm_pkmesg", "PvmNoData"): _WHOLE,
    ("pvm_pkmesg", "PvmMismatch"): "any encoding may be inside any other",
    ("pvm_pkmesgbody", "PvmNoData"): _WHOLE,
    (
        "pvm_newcontext",
        "PvmOutOfRes",
    ): "after 262133 contexts, 20 s; see test_daemon_parts.py",
    ("pvm_putinfo", "PvmExists"): "the own entry is replaced, that of others PvmDenied",
}


# Names that differ by more than the prefix. Items are packed by one entry point in Fortran.
_FORTRAN = {
    "addhosts": "pvmfaddhost",
    "delhosts": "pvmfdelhost",
    "start_pvmd": "pvmfstartpvmd",
    "pkbyte": "pvmfpack(BYTE1)",
    "pkstr": "pvmfpack(STRING)",
    "pkshort": "pvmfpack(INTEGER2)",
    "pkint": "pvmfpack(INTEGER4)",
    "pklong": "pvmfpack(INTEGER8)",
    "pkfloat": "pvmfpack(REAL4)",
    "pkdouble": "pvmfpack(REAL8)",
    "pkcplx": "pvmfpack(COMPLEX8)",
    "pkdcplx": "pvmfpack(COMPLEX16)",
}
_FORTRAN |= {
    f"u{name}": text.replace("pack", "unpack")
    for name, text in _FORTRAN.items()
    if name.startswith("pk")
}
_PYTHON = {"pkbyte": "pkbytes", "upkbyte": "upkbytes"}


@cache
def _entry_points() -> set[str]:
    """Fortran's entry points."""
    sources = (PROJECT / "csrc" / "libfpvm").glob("*.c")
    return {m[1] for path in sources for m in re.finditer(r"ENTRY (\w+)_\(", path.read_text())}


def fortran_name(function: str) -> str:
    """Fortran's name of a C function, "" if it has none."""
    suffix = function.removeprefix("pvm_")
    name = _FORTRAN.get(suffix, f"pvmf{suffix}")
    return name if name.partition("(")[0] in _entry_points() else ""


def python_name(function: str) -> str:
    """Python's name of a C function, "" if it has none."""
    name = _PYTHON.get(function.removeprefix("pvm_"), function.removeprefix("pvm_"))
    return f"pvm3py.{name}" if name in task.__all__ else ""
