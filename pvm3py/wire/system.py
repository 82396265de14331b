# SPDX-License-Identifier: MIT
"""Bodies of SM_ messages between the daemon and hosters, taskers and resource managers."""

from .record import I32, OptionalI32, Record, Str, Strs
from .task import SpawnRequest


class ExecRequest(Record):
    """SM_EXEC, DM_EXEC: start `count` tasks on the host asked.

    job: tid of the task with which their job began, 0: each begins one; 3.4.6 tells none.
    """

    ptid: I32
    file: Str
    flags: I32
    count: I32
    args: Strs
    outtid: I32
    outctx: I32
    outtag: I32
    trctid: I32
    trcctx: I32
    trctag: I32
    env: Strs
    instance: I32
    outof: I32
    job: OptionalI32 = None


def exec_request(
    spawn: SpawnRequest, ptid: int, env: list[str], start: int, count: int, outof: int
) -> ExecRequest:
    """What one host is to start of a spawn: `count` of `outof` tasks from number `start` on.

    They are of the spawner's job, if that is their parent.
    """
    out = (spawn.outtid, spawn.outctx, spawn.outtag)
    trc = (spawn.trctid, spawn.trcctx, spawn.trctag)
    file, flags, args = spawn.file, spawn.flags, spawn.args
    job = spawn.job if ptid > 0 else None
    return ExecRequest(ptid, file, flags, count, args, *out, *trc, env, start, outof, job)


class StartTask(Record):
    """SM_STTASK: what a tasker has to start; argv includes argv[0], env starts with PVMEPID."""

    tid: I32
    flags: I32
    path: Str
    argv: Strs
    env: Strs
    instance: I32
    hosttotal: I32
    outof: I32


class ForkTask(Record):
    """SM_STTASK to a nursery: the task to fork, and what it would execute otherwise.

    env        its whole environment
    directory  where it starts
    output     the daemon's descriptor of the pipe that takes what it prints
    """

    tid: I32
    path: Str
    argv: Strs
    env: Strs
    directory: Str
    output: I32


class Forked(Record):
    """TM_FORKED: the process that a nursery has forked for a task; -1: it could not."""

    tid: I32
    pid: I32


class TaskEnd(Record):
    """SM_TASKX: a task ended, with its wait(2) status and times."""

    tid: I32
    status: I32
    user_seconds: I32 = 0
    user_microseconds: I32 = 0
    system_seconds: I32 = 0
    system_microseconds: I32 = 0
