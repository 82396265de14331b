# SPDX-License-Identifier: MIT
"""Starting tasks: TM_SPAWN, and start_tasks for whoever else starts some."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from pvm3py.wire import constants as c
from pvm3py.wire.system import ExecRequest, StartTask
from pvm3py.wire.task import Codes, SpawnRequest

from . import leaving, output, tracing
from .dispatch import Refused, Request, handles
from .switch import spawn_process
from .tasks import Target, Task

if TYPE_CHECKING:
    from .daemon import Pvmd

# Status of a process that could not execute its program.
_EXEC_FAILED = 1 << 8
_TRY_LATER = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


@handles(c.TM_SPAWN, SpawnRequest)
def spawn(pvmd: Pvmd, request: Request, body: SpawnRequest) -> Codes:
    """Start tasks on the hosts that the request selects; one tid or error for each."""
    if not 1 <= body.count <= c.TIDLOCAL:
        raise Refused(c.PvmBadParam)
    where, colon, directory = body.where.partition(":")
    if not _selected(pvmd, body.flags, where):
        return Codes([c.PvmNoHost] * body.count)
    ptid = c.PvmParentNotSet if body.flags & c.PvmNoSpawnParent else request.src
    tids = start_tasks(
        pvmd,
        ExecRequest(
            ptid=ptid,
            file=body.file,
            flags=body.flags,
            count=body.count,
            args=body.args,
            outtid=body.outtid,
            outctx=body.outctx,
            outtag=body.outtag,
            trctid=body.trctid,
            trcctx=body.trcctx,
            trctag=body.trctag,
            env=[*body.env, f"PVMSPAWNWD={directory}"] if colon else body.env,
            instance=0,
            outof=body.count,
        ),
        sched=pvmd.registry.sched,
    )
    for tid in tids:
        task = pvmd.tasks.get(tid)
        if task is not None:
            output.send_start(pvmd, task, c.TO_SPAWN)
            tracing.task_spawned(pvmd, task)
    return Codes(tids)


def _selected(pvmd: Pvmd, flags: int, where: str) -> bool:
    """Whether this machine's one host is among those that a request names."""
    own = pvmd.hosts.own
    if flags & c.PvmTaskHost:
        chosen = pvmd.hosts.named(where) is own
    elif flags & c.PvmTaskArch:
        chosen = where == own.arch
    else:
        chosen = True
    return chosen != bool(flags & c.PvmHostCompl)


def start_tasks(pvmd: Pvmd, job: ExecRequest, sched: int = 0) -> list[int]:
    """Start `job.count` tasks here: a tid each; after the first failure its error for the rest.

    sched: the resource manager that is told of their ends.
    """
    starter = _Starter(pvmd, job, sched)
    tids: list[int] = []
    try:
        starter.prepare()
        while len(tids) < job.count:
            tids.append(starter.start_one(job.instance + len(tids)))
    except Refused as refused:
        tids += [refused.code] * (job.count - len(tids))
    except OSError as error:
        pvmd.log(f"start of {job.file}: {error}")
        tids += [c.PvmOutOfRes] * (job.count - len(tids))
    return tids


class _Starter:
    """What the tasks of one request have in common."""

    def __init__(self, pvmd: Pvmd, job: ExecRequest, sched: int) -> None:
        self._pvmd = pvmd
        self._job = job
        self._sched = sched
        self._out = Target(job.outtid, job.outctx, job.outtag)
        self._trc = Target(job.trctid, job.trcctx, job.trctag)
        self._strings = list(job.env)
        tracer = pvmd.registry.tracer
        if tracer is not None and not job.outtid:
            self._out = tracer.out
        if tracer is not None and not job.trctid:
            self._trc = tracer.trc
            names = ("PVMTMASK=", "PVMTRCBUF=", "PVMTRCOPT=")
            own = [text for text in job.env if not text.startswith(names)]
            self._strings = tracer.environment() + own
        self._env = environment(self._strings)
        directory = self._env.get("PVMSPAWNWD", "")
        self._cwd = directory if os.path.isdir(directory) else None
        self._path = ""
        self._program = ""
        self._argv: list[str] = []

    def prepare(self) -> None:
        """Find the program. Refused: there is none; that uses up a tid."""
        path = find_program(self._job.file, self._pvmd.settings.search_path, self._cwd)
        if path is None:
            self._pvmd.tasks.next_tid()
            self._pvmd.log(f"no program {self._job.file} in {self._pvmd.settings.search_path}")
            raise Refused(c.PvmNoFile)
        self._path = path
        self._argv = [path, *self._job.args]
        if self._job.flags & c.PvmTaskDebug and not self._pvmd.registry.tasker:
            path = self._pvmd.debugger()
            self._argv.insert(0, path)
        self._program = path

    def start_one(self, instance: int) -> int:
        """Start one task and return its tid. Refused, OSError: it cannot be started."""
        pvmd = self._pvmd
        if pvmd.full():
            raise Refused(c.PvmOutOfRes)
        if pvmd.registry.tasker:
            return self._delegate(instance)
        task = self._new_task()
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        try:
            task.pid = spawn_process(self._program, self._argv, self._env, self._cwd, write_end)
        except OSError as error:
            os.close(read_end)
            if error.errno in _TRY_LATER:
                raise
            self._cannot_execute(task, error)
            return task.tid
        finally:
            os.close(write_end)
        task.cookie = task.pid
        task.forked = True
        self._started(task)
        task.pipe = output.OutputPipe(pvmd, task, read_end)
        return task.tid

    def _new_task(self) -> Task:
        task = Task(self._pvmd.tasks.next_tid(), self._job.ptid, 0, self._job.file)
        task.out = Target(self._out.tid, self._out.ctx, self._out.tag)
        task.trc = Target(self._trc.tid, self._trc.ctx, self._trc.tag)
        task.sched = self._sched
        task.flags = self._job.flags
        task.path = self._path
        return task

    def _started(self, task: Task) -> None:
        pvmd = self._pvmd
        pvmd.tasks.add(task)
        pvmd.switch.expect(task.tid)
        tracing.task_started(pvmd, task)
        output.send_start(pvmd, task, c.TO_NEW)

    def _cannot_execute(self, task: Task, error: OSError) -> None:
        """As with 3.4.6, a program that cannot be executed is a task that ends at once."""
        self._pvmd.log(f"t{task.tid:x}: {error}")
        self._started(task)
        self._pvmd.loop.call_soon(leaving.process_ended, self._pvmd, task, _EXEC_FAILED)

    def _delegate(self, instance: int) -> int:
        """Have the registered tasker start the task."""
        pvmd, job = self._pvmd, self._job
        task = self._new_task()
        task.tasker = pvmd.registry.tasker
        task.cookie = pvmd.next_cookie()
        self._started(task)
        order = StartTask(
            tid=task.tid,
            flags=job.flags,
            path=self._program,
            argv=self._argv,
            env=[f"PVMEPID={task.cookie}", *self._strings],
            instance=instance,
            hosttotal=job.count,
            outof=job.outof,
        )
        pvmd.send(task.tasker, c.SM_STTASK, c.BASECONTEXT, order.encode(), task.tid)
        return task.tid


def environment(strings: list[str]) -> dict[str, str]:
    """This process's environment with "NAME=value" strings added, the last one first."""
    env = dict(os.environ)
    for text in reversed(strings):
        name, equals, value = text.partition("=")
        if equals and name:
            env[name] = value
    return env


def find_program(name: str, search_path: list[str], cwd: str | None) -> str | None:
    """Path of a program (relative to cwd): as given if it has a slash, else searched for."""
    if "/" in name:
        return name if _executable(os.path.join(cwd or "", name)) else None
    paths = (f"{directory}/{name}" for directory in search_path if directory)
    return next((path for path in paths if _executable(os.path.join(cwd or "", path))), None)


def _executable(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IXUSR)


def start_plugin(pvmd: Pvmd, command: str) -> None:
    """Start a system task that the daemon's environment asks for."""
    words = command.split()
    job = ExecRequest(
        c.PvmParentNotSet, words[0], c.PvmMppFront, 1, words[1:5], 0, 0, 0, 0, 0, 0, [], 0, 1
    )
    (tid,) = start_tasks(pvmd, job)
    pvmd.log(f"plug-in {command}: " + (f"t{tid:x}" if tid > 0 else f"error {tid}"))
