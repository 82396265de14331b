# SPDX-License-Identifier: MIT
"""The named numbers of pvm3.h as Python enumerations; the values are the header's."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from pvm3py._task import lib


class Code(IntEnum):
    """Error codes: the attribute `code` of PvmError."""

    BAD_PARAM = lib.PvmBadParam
    MISMATCH = lib.PvmMismatch
    OVERFLOW = lib.PvmOverflow
    NO_DATA = lib.PvmNoData
    NO_HOST = lib.PvmNoHost
    NO_FILE = lib.PvmNoFile
    DENIED = lib.PvmDenied
    NO_MEM = lib.PvmNoMem
    BAD_MSG = lib.PvmBadMsg
    SYS_ERR = lib.PvmSysErr
    NO_BUF = lib.PvmNoBuf
    NO_SUCH_BUF = lib.PvmNoSuchBuf
    NULL_GROUP = lib.PvmNullGroup
    DUP_GROUP = lib.PvmDupGroup
    NO_GROUP = lib.PvmNoGroup
    NOT_IN_GROUP = lib.PvmNotInGroup
    NO_INST = lib.PvmNoInst
    HOST_FAIL = lib.PvmHostFail
    NO_PARENT = lib.PvmNoParent
    NOT_IMPL = lib.PvmNotImpl
    D_SYS_ERR = lib.PvmDSysErr
    BAD_VERSION = lib.PvmBadVersion
    OUT_OF_RES = lib.PvmOutOfRes
    DUP_HOST = lib.PvmDupHost
    CANT_START = lib.PvmCantStart
    ALREADY = lib.PvmAlready
    NO_TASK = lib.PvmNoTask
    NOT_FOUND = lib.PvmNotFound
    EXISTS = lib.PvmExists
    HOSTR_N_MSTR = lib.PvmHostrNMstr
    PARENT_NOT_SET = lib.PvmParentNotSet
    IP_LOOPBACK = lib.PvmIPLoopback
    NOT_MOVABLE = lib.PvmNotMovable
    BUSY = lib.PvmBusy


class Encoding(IntEnum):
    """How a message's data are encoded.

    In-place encoding is missing on purpose: it would keep pointers into objects that Python
    may move or free before the send. `psend` sends a buffer without copying it.
    """

    DEFAULT = lib.PvmDataDefault
    RAW = lib.PvmDataRaw
    TRACE = lib.PvmDataTrace


class SpawnFlag(IntFlag):
    """Flags of `spawn`."""

    DEFAULT = lib.PvmTaskDefault
    HOST = lib.PvmTaskHost
    ARCH = lib.PvmTaskArch
    DEBUG = lib.PvmTaskDebug
    TRACE = lib.PvmTaskTrace
    MPP_FRONT = lib.PvmMppFront
    HOST_COMPL = lib.PvmHostCompl
    NO_PARENT = lib.PvmNoSpawnParent
    FIXED = lib.PvmTaskFixed


class Event(IntFlag):
    """Events of `notify`; CANCEL is or-ed to one of the others."""

    TASK_EXIT = lib.PvmTaskExit
    HOST_DELETE = lib.PvmHostDelete
    HOST_ADD = lib.PvmHostAdd
    ROUTE_ADD = lib.PvmRouteAdd
    ROUTE_DELETE = lib.PvmRouteDelete
    CANCEL = lib.PvmNotifyCancel


class Option(IntEnum):
    """Options of `setopt` and `getopt`."""

    ROUTE = lib.PvmRoute
    DEBUG_MASK = lib.PvmDebugMask
    AUTO_ERR = lib.PvmAutoErr
    OUTPUT_TID = lib.PvmOutputTid
    OUTPUT_CODE = lib.PvmOutputCode
    TRACE_TID = lib.PvmTraceTid
    TRACE_CODE = lib.PvmTraceCode
    TRACE_BUFFER = lib.PvmTraceBuffer
    TRACE_OPTIONS = lib.PvmTraceOptions
    FRAG_SIZE = lib.PvmFragSize
    RESV_TIDS = lib.PvmResvTids
    SELF_OUTPUT_TID = lib.PvmSelfOutputTid
    SELF_OUTPUT_CODE = lib.PvmSelfOutputCode
    SELF_TRACE_TID = lib.PvmSelfTraceTid
    SELF_TRACE_CODE = lib.PvmSelfTraceCode
    SELF_TRACE_BUFFER = lib.PvmSelfTraceBuffer
    SELF_TRACE_OPTIONS = lib.PvmSelfTraceOptions
    SHOW_TIDS = lib.PvmShowTids
    POLL_TYPE = lib.PvmPollType
    POLL_TIME = lib.PvmPollTime
    OUTPUT_CONTEXT = lib.PvmOutputContext
    TRACE_CONTEXT = lib.PvmTraceContext
    SELF_OUTPUT_CONTEXT = lib.PvmSelfOutputContext
    SELF_TRACE_CONTEXT = lib.PvmSelfTraceContext
    NO_RESET = lib.PvmNoReset
    THREAD_BUFFERS = lib.PvmThreadBuffers
    MOVABLE = lib.PvmMovable


class Route(IntEnum):
    """Values of Option.ROUTE."""

    DONT = lib.PvmDontRoute
    ALLOW_DIRECT = lib.PvmAllowDirect
    DIRECT = lib.PvmRouteDirect


class Mbox(IntFlag):
    """Flags of the mailbox functions."""

    DEFAULT = lib.PvmMboxDefault
    PERSISTENT = lib.PvmMboxPersistent
    MULTI_INSTANCE = lib.PvmMboxMultiInstance
    OVER_WRITABLE = lib.PvmMboxOverWritable
    FIRST_AVAIL = lib.PvmMboxFirstAvail
    READ_AND_DELETE = lib.PvmMboxReadAndDelete
    WAIT_FOR_INFO = lib.PvmMboxWaitForInfo
