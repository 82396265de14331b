# SPDX-License-Identifier: MIT
"""Starting tasks: TM_SPAWN, DM_EXEC, and start_tasks for whoever else starts some."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Coroutine
from typing import Self

from pvm3py.placement import Block, Placement, selected
from pvm3py.wire import constants as c
from pvm3py.wire.output import FORK_WANTED, NURSERY, REASONS_WANTED, STATUS_WANTED
from pvm3py.wire.system import ExecRequest, ForkTask, StartTask, exec_request
from pvm3py.wire.task import SpawnRequest, Started

from ..core import Pvmd, Table
from ..dispatch import Request, handles
from ..io.process import spawn_process
from ..occasions import BEGIN, TASK_STARTED, on
from ..state.errors import SCARCE, HostFailed, Refused
from ..state.events import NoProgramEvent
from ..state.hosts import Host
from ..state.task import Task
from ..state.tree import own_directory, own_program
from . import enrol, output, tracing
from .births import Births
from .placing import can_move
from .roles import Registry

# Cookies of tasks that a tasker starts; those started here have their pid.
_COOKIES = range(10000000, 20000000)
# Characters of a reason that is told to a spawner.
_REASON_MAX = 2000


class Starts(Table):
    """Where the next start goes on: the host that has its turn, and the next cookie."""

    def __init__(self, own: int) -> None:
        self.placement = Placement(own)
        self._cookie = 0

    @classmethod
    def new(cls, pvmd: Pvmd) -> Self:
        return cls(pvmd.hosts.own.tid)

    def next_cookie(self) -> int:
        """The cookie of the next task that a tasker starts."""
        cookie = _COOKIES[self._cookie % len(_COOKIES)]
        self._cookie += 1
        return cookie


@handles(c.TM_SPAWN, SpawnRequest)
def spawn(
    pvmd: Pvmd, request: Request, body: SpawnRequest
) -> Started | Coroutine[None, None, Started]:
    """Start tasks on the hosts that the request selects; one tid or error for each."""
    check_count(body.count)
    where, colon, directory = body.where.partition(":")
    ptid = c.PvmParentNotSet if body.flags & c.PvmNoSpawnParent else request.src
    env = [*body.env, f"PVMSPAWNWD={directory}"] if colon else body.env
    job = exec_request(body, ptid, env, 0, body.count, body.count)
    job.job = _job_of_children(request.task, job)
    hosts = selected(pvmd.hosts.hosts, body.flags, where, pvmd.hosts.own)
    if not hosts:
        return Started([c.PvmNoHost] * body.count)
    if hosts != [pvmd.hosts.own]:
        return _spawn_over(pvmd, hosts, job)
    Starts.of(pvmd).placement.blocks(hosts, body.count)
    return _answer(pvmd, job, start_tasks(pvmd, job, sched=Registry.of(pvmd).sched))


def _job_of_children(parent: Task | None, order: ExecRequest) -> int:
    """The job of the tasks that a task has started; 0: each begins one."""
    if parent is None or order.flags & c.PvmNoSpawnParent:
        return 0
    return parent.job or parent.tid


def check_count(count: int) -> None:
    """Refuse a number of tasks that no host can have."""
    if not 1 <= count <= c.TIDLOCAL:
        raise Refused(c.PvmBadParam, f"{count} tasks")


async def _spawn_over(pvmd: Pvmd, hosts: list[Host], job: ExecRequest) -> Started:
    """Start tasks on several hosts.

    What a host that fails meanwhile was to start goes to the others, unless hosts were asked for;
    a host that reports an error is not asked again.
    """
    tids = [c.PvmHostFail] * job.count
    slots = list(range(job.count))
    reasons: list[str] = []
    while slots:
        blocks = Starts.of(pvmd).placement.blocks(hosts, len(slots))
        answers = [_start_block(pvmd, block, job, len(slots)) for block in blocks]
        missing: list[int] = []
        for block, answer in zip(blocks, answers, strict=True):
            of_block = slots[block.start : block.start + block.count]
            try:
                part = await answer if isinstance(answer, Coroutine) else answer
            except HostFailed:
                missing += of_block
                part = _none(job, block, c.PvmHostFail, "the host has failed")
            except Refused as refused:
                part = _none(job, block, refused.code, f"{refused}")
            for slot, tid in zip(of_block, part.values, strict=False):
                tids[slot] = tid
            reasons.append(part.reasons or "")
            if min(part.values, default=0) < 0:
                hosts = [host for host in hosts if host is not block.host]
        by_name = job.flags & (c.PvmTaskHost | c.PvmTaskArch)
        slots = missing if hosts and not by_name else []
    return _answer(pvmd, job, Started(tids, "".join(reasons) or None))


def _none(job: ExecRequest, block: Block[Host], code: int, why: str) -> Started:
    """The answer of a host that starts nothing."""
    return Started([code] * block.count, _reason(job, block.host, why))


def _reason(job: ExecRequest, host: Host, why: str) -> str | None:
    """A line about what a host could not start, if the spawner wants to be told."""
    if not any(text.startswith(f"{REASONS_WANTED}=") for text in job.env):
        return None
    return f"{host.name}\t{why.replace(chr(10), ' ')[:_REASON_MAX]}\n"


def _start_block(
    pvmd: Pvmd, block: Block[Host], job: ExecRequest, outof: int
) -> Started | Coroutine[None, None, Started]:
    """Have one host start its part."""
    fields = vars(job) | {"count": block.count, "instance": block.start, "outof": outof}
    part = ExecRequest(**fields)
    if pvmd.owns(block.host.tid):
        return start_tasks(pvmd, part, sched=Registry.of(pvmd).sched)
    if not can_move(pvmd, block.host.tid):
        part.flags &= ~c.PvmTaskFixed
    return pvmd.peers.request(block.host.tid, c.DM_EXEC, part, Started)


def _answer(pvmd: Pvmd, job: ExecRequest, answer: Started) -> Started:
    """Tell the collectors, then the spawner, which tasks there are."""
    started = [tid for tid in answer.values if tid > 0]
    if started:
        out, trc = Registry.of(pvmd).targets(job)
        for tid in started:
            output.send_start(pvmd, out, tid, c.TO_SPAWN, job.ptid)
            tracing.task_spawned(pvmd, trc, tid, job.ptid)
    return answer


@handles(c.DM_EXEC, ExecRequest, hosts=True, reply_tag=c.DM_EXECACK, context=True)
def dm_exec(pvmd: Pvmd, _request: Request, body: ExecRequest) -> Started:
    """Start tasks here for a spawner on another host."""
    check_count(body.count)
    return start_tasks(pvmd, body, sched=Registry.of(pvmd).sched)


def start_tasks(pvmd: Pvmd, job: ExecRequest, sched: int = 0) -> Started:
    """Start `job.count` tasks here: a tid each; after the first failure its error for the rest.

    sched: the resource manager that is told of their ends.
    """
    starter = _Starter(pvmd, job, sched)
    tids: list[int] = []
    reasons = None
    try:
        starter.prepare()
        while len(tids) < job.count:
            tids.append(starter.start_one(job.instance + len(tids)))
    except (Refused, OSError) as error:
        _log_failure(pvmd, job.file, f"{error}")
        code = error.code if isinstance(error, Refused) else c.PvmOutOfRes
        tids += [code] * (job.count - len(tids))
        reasons = _reason(job, pvmd.hosts.own, f"{error}")
    return Started(tids, reasons)


@on(BEGIN)
def begin(pvmd: Pvmd) -> None:
    """The switch looks whether there is a program of the name that a task asks for."""
    places = [*pvmd.settings.search_path, own_directory(pvmd.settings.arch)]
    pvmd.switch.programs(list(dict.fromkeys(places)))


def no_program(pvmd: Pvmd, event: NoProgramEvent) -> None:
    """There is none: what start_tasks() does then.

    The switch answers by itself as soon as the log has no room for what this task does.
    """
    pvmd.next_tid()
    muted = pvmd.log.muted
    if not muted:
        _log_failure(pvmd, event.file, _not_in_path(pvmd))
    if not event.answered:
        body = Started([c.PvmNoFile] * event.tasks).encode()
        pvmd.send(event.tid, c.TM_SPAWN, event.ctx, body, event.wid)
    if event.answered != muted:
        pvmd.switch.mute(event.conn, muted)


def _log_failure(pvmd: Pvmd, file: str, why: str) -> None:
    pvmd.log(f"start of {file}: {why}")


def _not_in_path(pvmd: Pvmd) -> str:
    return f"no such program in {':'.join(pvmd.settings.search_path)}"


class _Starter:
    """What the tasks of one request have in common."""

    def __init__(self, pvmd: Pvmd, job: ExecRequest, sched: int) -> None:
        self._pvmd = pvmd
        self._job = job
        self._sched = sched
        self._registry = Registry.of(pvmd)
        self._strings = job.env
        tracer = self._registry.tracer
        if tracer is not None and not job.trctid:
            names = ("PVMTMASK=", "PVMTRCBUF=", "PVMTRCOPT=")
            own = [text for text in job.env if not text.startswith(names)]
            self._strings = tracer.environment() + own
        named = {text.partition("=")[0] for text in job.env}
        self._tells_status = STATUS_WANTED in named
        self._is_nursery = NURSERY in named
        self._forkable = FORK_WANTED in named and not job.flags & c.PvmTaskDebug
        self._cwd = working_directory(self._strings)
        self._program = ""
        self._argv: list[str] = []

    def prepare(self) -> None:
        """Find the program. Refused: there is none; that uses up a tid."""
        settings, name = self._pvmd.settings, self._job.file
        path = own_program(name, settings.arch) or find_program(
            name, settings.search_path, self._cwd
        )
        if path is None:
            self._pvmd.next_tid()
            raise Refused(c.PvmNoFile, self._not_found())
        self._argv = [path, *self._job.args]
        if self._job.flags & c.PvmTaskDebug and not self._registry.tasker:
            self._argv.insert(0, self._debugger())
        self._program = self._argv[0]
        self._out, self._trc = self._registry.targets(self._job)

    def _not_found(self) -> str:
        """Where there is no such program."""
        if "/" in self._job.file:
            return f"no executable file, seen from {self._cwd or os.getcwd()}"
        return _not_in_path(self._pvmd)

    def _debugger(self) -> str:
        """Path of the debugger script. Refused: there is none, or none for it to start."""
        root, own = os.environ.get("PVM_ROOT", ""), self._pvmd.settings.debugger
        path = own or f"{root}/lib/debugger"
        if not _executable(path):
            raise Refused(c.PvmNoFile, f"no debugger: {path} is no executable file")
        if not own and not find_program("gdb", self._path(), self._cwd):
            raise Refused(c.PvmNoFile, f"no debugger: no gdb in PATH {':'.join(self._path())}")
        return path

    def _path(self) -> list[str]:
        """The task's own search path, not that for tasks."""
        exported = [text[5:] for text in self._strings if text.startswith("PATH=")]
        return (exported or [os.environ.get("PATH", "")])[-1].split(":")

    def start_one(self, instance: int) -> int:
        """Start one task and return its tid. Refused, OSError: it cannot be started."""
        pvmd = self._pvmd
        if pvmd.full():
            raise Refused(c.PvmOutOfRes, f"{len(pvmd.tasks)} tasks are there, or the daemon ends")
        if self._registry.tasker:
            return self._delegate(instance)
        task = self._new_task()
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        nursery = Births.of(pvmd).nursery(pvmd, self._job.ptid) if self._forkable else 0
        try:
            if nursery:
                task.cookie = Starts.of(pvmd).next_cookie()
            else:
                task.cookie = task.pid = self._execute(write_end)
                task.forked = True
                os.close(write_end)
        except OSError as error:
            os.close(read_end)
            os.close(write_end)
            code = c.PvmOutOfRes if error.errno in (*SCARCE, errno.E2BIG) else c.PvmNoFile
            raise Refused(code, self._why(error)) from error
        self._started(task)
        task.pipe = output.OutputPipe(pvmd, task, read_end)
        if nursery:
            self._have_forked(task, nursery, write_end)
            return task.tid
        enrol.invite(pvmd, task)
        if self._is_nursery:
            Births.of(pvmd).add_nursery(self._job.ptid, task.tid)
        return task.tid

    def _execute(self, output_to: int) -> int:
        """Execute the program: its process. OSError: that fails."""
        return spawn_process(self._program, self._argv, self._strings, self._cwd, output_to)

    def _have_forked(self, task: Task, nursery: int, output_to: int) -> None:
        """Have the spawner's nursery fork the task, or else execute the program after all."""
        order = ForkTask(
            tid=task.tid,
            path=self._program,
            argv=self._argv,
            env=_environment(self._strings, task.cookie),
            directory=self._cwd or os.getcwd(),
            output=output_to,
        )
        births = Births.of(self._pvmd)
        births.begin(self._pvmd, task, nursery, order, lambda: self._execute(output_to))

    def _new_task(self) -> Task:
        task = Task(self._pvmd.next_tid(), self._job.ptid, 0, self._job.file)
        task.out = self._out.copy()
        task.trc = self._trc.copy()
        task.sched = self._sched
        task.job = self._known_job()
        task.flags = self._job.flags
        task.tells_status = self._tells_status
        return task

    def _known_job(self) -> int:
        """The job of the tasks; if the request does not say it, the parent's, if that is known."""
        if self._job.job is not None or self._job.ptid <= 0:
            return self._job.job or 0
        parent = self._pvmd.tasks.get(self._job.ptid)
        return (parent.job if parent is not None else 0) or self._job.ptid

    def _started(self, task: Task) -> None:
        pvmd = self._pvmd
        pvmd.tasks.add(task)
        pvmd.switch.expect(task.tid)
        tracing.task_started(pvmd, task)
        TASK_STARTED.tell(pvmd, task)
        output.send_start(pvmd, task.out, task.tid, c.TO_NEW, task.ptid)

    def _why(self, error: OSError) -> str:
        """Why the program cannot be executed."""
        why = f"cannot execute {self._program}: {error.strerror}"
        # The program has been found: it is what its first line asks for that has not.
        return f"{why}: its interpreter" if error.errno == errno.ENOENT else why

    def _delegate(self, instance: int) -> int:
        """Have the registered tasker start the task."""
        pvmd, job = self._pvmd, self._job
        task = self._new_task()
        task.tasker = self._registry.tasker
        task.cookie = Starts.of(pvmd).next_cookie()
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


def _environment(strings: list[str], cookie: int) -> list[str]:
    """The environment that spawn_process gives a task with these strings, and its cookie."""
    merged = dict(os.environ)
    for text in reversed(strings):
        name, equals, value = text.partition("=")
        if name and equals:
            merged[name] = value
    merged["PVMEPID"] = str(cookie)
    return [f"{name}={value}" for name, value in merged.items()]


def working_directory(strings: list[str]) -> str | None:
    """The directory that a task's environment names, if there is such a one; else the daemon's."""
    for text in strings:
        if text.startswith("PVMSPAWNWD="):
            directory = text.removeprefix("PVMSPAWNWD=")
            return directory if directory and os.path.isdir(directory) else None
    return None


def find_program(name: str, search_path: list[str], cwd: str | None) -> str | None:
    """Path of a program (relative to cwd): as given if it has a slash, else searched for."""
    if "/" in name:
        return name if _executable(os.path.join(cwd or "", name)) else None
    for directory in search_path:
        path = f"{directory}/{name}"
        if directory and _executable(os.path.join(cwd, path) if cwd else path):
            return path
    return None


def _executable(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) and bool(mode & stat.S_IXUSR)


@on(BEGIN)
def start_plugins(pvmd: Pvmd) -> None:
    """Start the system tasks that the daemon's environment asks for."""
    for plugin in pvmd.settings.plugins:
        _start_plugin(pvmd, plugin)


def _start_plugin(pvmd: Pvmd, command: str) -> None:
    words = command.split()
    job = ExecRequest(
        c.PvmParentNotSet, words[0], c.PvmMppFront, 1, words[1:5], 0, 0, 0, 0, 0, 0, [], 0, 1
    )
    (tid,) = start_tasks(pvmd, job).values
    pvmd.log(f"plug-in {command}: " + (f"t{tid:x}" if tid > 0 else c.error_name(tid)))
