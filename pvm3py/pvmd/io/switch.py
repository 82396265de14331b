# SPDX-License-Identifier: MIT
"""The switch (csrc/switch) as a Python object. Beside it only `batch`, `moves` and `process` use C.

Tids, tags and all other words of the wire are signed ints here.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pvm3py._switch import ffi, lib
from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError

from ..state.events import Event
from .batch import events_of_run
from .figures import Limits, Sharing, Statistics
from .moves import Moves
from .process import check

EOF: int = lib.SW_EOF
"""Close reason: the peer closed or died."""
PROTOCOL: int = lib.SW_PROTOCOL
"""Close reason: the peer sent what the protocol does not allow."""
CLOSED: int = lib.SW_CLOSED
"""Close reason: `Switch.close` or `Switch.finish` was called."""

MAIL_ENTRY: int = lib.SW_MAIL_ENTRY
"""Bytes that an entry of the mailbox takes besides its message and the name of its class."""

HOST_SILENT: int = lib.SW_HOST_SILENT
"""Reason of a host's loss: it does not answer."""
HOST_LEFT: int = lib.SW_HOST_LEFT
"""Reason of a host's loss: it said that it leaves."""
HOST_CLOSED: int = lib.SW_HOST_CLOSED
"""Reason of a host's loss: it agreed to the end that `Switch.close_host` asked for."""

_HEADERS = struct.Struct(">iiiIiii4xi12x")
"""Fragment header and message header: dst src length flags<<24, enc tag ctx wid."""
_FRAGMENT = struct.Struct(">iiiI")
_STATISTICS = struct.Struct("13Q")
"""struct sw_stats, which has the fields of Statistics."""
_FD = struct.Struct("ii")
"""struct sw_fd."""

_RUN_EVENTS: int = lib.SW_RUN_EVENTS
_NONE_READY: Sequence[tuple[int, int]] = ()

_SOM = c.FFSOM << 24
_EOM = c.FFEOM << 24
_WHOLE = _SOM | _EOM
_HEAD: int = c.MSGHDRLEN
_BATCH_BYTES = 1 << 18
_ANY_UID = 0xFFFFFFFF
_NO_STANDBY = 0xFFFFFFFF

assert _STATISTICS.size == ffi.sizeof("struct sw_stats")
assert _FD.size == ffi.sizeof("struct sw_fd")


def frame(
    dst: int,
    src: int,
    tag: int,
    ctx: int,
    wid: int,
    body: bytes,
    enc: int = c.WIRE_ENC_XDR,
    fragment: int = 0,
) -> bytes:
    """A message as it goes over the wire.

    One fragment, or, if `fragment` is given, several of at most that many bytes each
    (fragment header and head room of a message header included), as 3.4.6 cuts them.
    """
    size = len(body)
    room = (fragment - c.WIRE_HEADROOM) & ~3 if fragment else size
    if size <= room:
        return _HEADERS.pack(dst, src, size + _HEAD, _WHOLE, enc, tag, ctx, wid) + body
    parts = [_HEADERS.pack(dst, src, room + _HEAD, _SOM, enc, tag, ctx, wid), body[:room]]
    for start in range(room, len(body), room):
        piece = body[start : start + room]
        flags = _EOM if start + room >= len(body) else 0
        parts += (_FRAGMENT.pack(dst, src, len(piece), flags), piece)
    return b"".join(parts)


class Switch(Moves):
    """A switch over a listening Unix stream socket.

    Assign `handler`, which gets every event. Event loops come from
    `pvm3py.pvmd.io.selector.new_event_loop`. All methods belong to one thread.
    """

    handler: Callable[[Event], None]
    """Called by `dispatch` for each event."""
    reached: set[int]
    """Receivers of `send` since somebody cleared it."""

    def __init__(
        self, listen_fd: int, own_tid: int, *, limits: Limits | None = None, uid: int | None = None
    ) -> None:
        """Serve a non-blocking listening socket, which stays the caller's.

        `own_tid` is the daemon's tid. Only processes of user `uid` are served
        (None: the effective user, -1: any). Raises OSError.
        """
        limits = limits or Limits()
        config = ffi.new("struct sw_config *")
        config.budget = limits.budget
        config.queue_low = limits.queue_low
        config.queue_high = limits.queue_high
        config.memory = limits.memory
        config.queue_total = limits.queue_total
        config.message_max = limits.message_max
        config.notices = limits.notices
        config.mail_room = limits.mail_room
        config.standby_us = limits.standby_us & _NO_STANDBY
        config.uid = (os.geteuid() if uid is None else uid) & _ANY_UID
        self._sw = lib.sw_new(listen_fd, own_tid & 0xFFFFFFFF, config)
        if self._sw == ffi.NULL:
            raise OSError(ffi.errno, "cannot start the switch: " + os.strerror(ffi.errno))
        self._count = ffi.new("uint32_t *")
        self._size = ffi.new("size_t *")
        self._reply = ffi.new("const char **")
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._has_answers = False
        self.has_events = False
        self.handler = lambda event: None
        self.reached: set[int] = set()

    def close(self) -> None:
        """Close all connections at once; nothing more can be done with the switch."""
        if self._sw != ffi.NULL:
            self.flush()
            lib.sw_free(self._sw)
            self._sw = ffi.NULL
            self._output.clear()
            self.has_events = False

    def watch(self, fd: int, mask: int) -> None:
        """Let `run` report a descriptor: mask 1 readable, 2 writable, 3 both, 0 neither again."""
        check(lib.sw_watch(self._sw, fd, mask), "watch descriptor")

    def await_pipe(self, fd: int) -> None:
        """Ask for one ReadableEvent about a pipe, which may be closed before.

        If its end is all that there is to tell, that comes up to 20 ms late.
        """
        check(lib.sw_await_pipe(self._sw, fd), "wait for pipe")

    def listen(self, listen_fd: int) -> None:
        """Serve another listening socket from now on; the present one may be closed then."""
        check(lib.sw_listen(self._sw, listen_fd), "listen")

    def serve_enrolments(self, stem: str, seconds: float) -> None:
        """Answer TM_CONNECT from now on: the files that it asks for have paths beginning so.

        A connection becomes an OpenEvent when it sends something else, and is closed if it has not
        been bound after so many seconds.
        """
        code = lib.sw_enrolment(self._sw, os.fsencode(stem), int(seconds * 1e6))
        check(code, "serve enrolments")

    def watch_children(self) -> None:
        """Take the status of all child processes that end from now on: each becomes a ChildEvent.

        SIGCHLD is blocked from now on.
        """
        check(lib.sw_children(self._sw), "watch processes")

    def run(self, timeout: float | None) -> Sequence[tuple[int, int]]:
        """Send what is due, then forward until something happened or the time is over.

        `timeout` is in seconds; None: no limit, <= 0: one pass. Returns the watched descriptors
        that are ready, each with its mask; `has_events` says whether to call `dispatch`, which
        must happen before the next `run`.
        """
        if self._output:
            self.flush()
        if timeout is None:
            microseconds = -1
        else:
            microseconds = int(timeout * 1e6) + 1 if timeout > 0 else 0
        found = lib.sw_run(self._sw, microseconds)
        if found == _RUN_EVENTS:
            self.has_events = True
            return _NONE_READY
        self.has_events = found > 0 and bool(found & _RUN_EVENTS)
        if found <= 0:
            if found not in (0, -errno.EINTR):
                check(found, "wait")
            return _NONE_READY
        fds = lib.sw_ready(self._sw, self._count)
        return list(_FD.iter_unpack(ffi.buffer(fds, self._count[0] * _FD.size)))

    def dispatch(self) -> bool:
        """Give the events of the last `run` to the handler, in order. False: it had none.

        An exception of the handler is reported to the running event loop and does not keep the
        later events from it; without a loop it is raised.
        """
        if not self.has_events:
            return False
        self.has_events = False
        handler = self.handler
        for event in events_of_run(self._sw):
            try:
                handler(event)
            except Exception as error:
                _report(error, event)
        return True

    def send(
        self,
        dst: int,
        src: int,
        tag: int,
        ctx: int,
        wid: int,
        body: bytes,
        enc: int = c.WIRE_ENC_XDR,
        fragment: int = 0,
    ) -> None:
        """Send a message to a task; `fragment` as in `frame`.

        It leaves at the next `run`, in order with every other method that sends or closes. A
        message to a task that does not exist is dropped.
        """
        self.reached.add(dst)
        self.send_frames(frame(dst, src, tag, ctx, wid, body, enc, fragment))

    def send_frames(self, frames: bytes) -> None:
        """Send complete fragments to the tasks that they are addressed to, as `send` does."""
        self._output.append(frames)
        self._output_bytes += len(frames)
        if self._output_bytes >= _BATCH_BYTES:
            self.flush()

    def send_conn(self, conn: int, frames: bytes) -> None:
        """Queue complete fragments on a connection, whether it has a tid or not.

        A connection that has ended, which the CloseEvent has yet to tell, is no error.
        """
        self.flush()
        code = lib.sw_send_conn(self._sw, conn, frames, len(frames))
        if code != -errno.ENOENT:
            check(code, "send to connection")

    def flush(self) -> None:
        """Hand what `send` collected to the switch."""
        if self._output:
            output = b"".join(self._output) if len(self._output) > 1 else self._output[0]
            self._output.clear()
            self._output_bytes = 0
            check(lib.sw_send(self._sw, output, len(output)), "send")

    def next_tid(self) -> int:
        """Use up a tid: local numbers 1, 2, 3, ... around, without those of tasks alive; 0: none.

        A task lives from `expect` or `bind` to `forget`.
        """
        return int(lib.sw_next_tid(self._sw))

    def expect(self, tid: int) -> None:
        """Keep what is sent to tid until a connection is bound to it. Raises OSError (EEXIST)."""
        self.flush()
        check(lib.sw_expect(self._sw, tid & 0xFFFFFFFF), f"expect task {tid:x}")

    def bind(
        self,
        conn: int,
        tid: int,
        frames: bytes = b"",
        *,
        shares: bool = False,
        child: bool = False,
    ) -> None:
        """The connection is task tid from now on, and gets these complete fragments.

        Both in one step, for the task may send as soon as it has them. What was kept for tid
        follows. shares: the task may exchange messages with others through memory; child: it is
        gone when a child of this process ends, not when it leaves. Raises OSError:
        ENOENT if the connection has ended, EEXIST if it has a tid or tid has a connection.
        """
        self.flush()
        flags = (lib.SW_BIND_SHARES if shares else 0) | (lib.SW_BIND_CHILD if child else 0)
        code = lib.sw_bind(self._sw, conn, tid & 0xFFFFFFFF, frames, len(frames), flags)
        check(code, f"bind task {tid:x}")

    def manager(self, conn: int, manager: int, speaker: int) -> None:
        """Say who is resource manager of a connection's task; 0: nobody.

        What the task asks `manager` becomes a MessageEvent with that dst instead of being passed
        on; what `speaker` says to the task is passed on, its SM_ messages in the manager's name,
        and becomes a SpokeEvent. A connection that has ended is no error.
        """
        self.flush()
        lib.sw_manager(self._sw, conn, manager & 0xFFFFFFFF, speaker & 0xFFFFFFFF)

    def forget(self, tid: int) -> None:
        """tid is gone: drop what is kept for it and what is sent to it later.

        What is already queued on its connection is not lost. An unknown tid is no error.
        """
        self.flush()
        lib.sw_forget(self._sw, tid & 0xFFFFFFFF)

    def close_conn(self, conn: int, *, flush: bool = True) -> None:
        """Read no more, send what is queued (or drop it), then close: a CloseEvent follows.

        A connection that has ended is no error.
        """
        self.flush()
        lib.sw_close(self._sw, conn, int(flush))

    def finish(self, conn: int) -> None:
        """The peer process is dead: take in all it wrote, then close: a CloseEvent follows.

        A connection that has ended is no error.
        """
        self.flush()
        lib.sw_finish(self._sw, conn)

    def hold(self, conn: int, reached: Iterable[int]) -> None:
        """Do not read a connection while the queue of one of these tids is full.

        Its own task's needs no call. A connection that has ended is no error.
        """
        self.flush()
        for tid in reached:
            lib.sw_hold(self._sw, conn, tid & 0xFFFFFFFF)

    def queued(self, tid: int) -> int:
        """Bytes queued for tid; 2**64 - 1 if its host has asked to hold back what is for it."""
        self.flush()
        return int(lib.sw_queued(self._sw, tid & 0xFFFFFFFF))

    def notify_drain(self, tid: int, mark: int) -> None:
        """Ask for one DrainedEvent, when at most `mark` bytes are queued for tid or tid is gone."""
        self.flush()
        check(lib.sw_notify_drain(self._sw, tid & 0xFFFFFFFF, mark), "notify of drain")

    def keep_answer(self, tag: int, body: bytes, answer: bytes) -> None:
        """Give tasks here that ask the same this answer, until `forget_answers` is called."""
        self._has_answers = True
        lib.sw_keep_answer(self._sw, tag & 0xFFFFFFFF, body, len(body), answer, len(answer))

    def keep_welcome(self, body: bytes, answer: bytes, *, shares: bool) -> None:
        """Give tasks that enrol with such a TM_CONN2 this answer, until `forget_answers` is called.

        Each has a tid of its own, and becomes an EnrolledEvent, unless it leaves before that is
        told. shares: as in `bind`.
        """
        self._has_answers = True
        lib.sw_keep_welcome(self._sw, body, len(body), answer, len(answer), shares)

    def forget_answers(self) -> None:
        """What was kept may not be true any more."""
        if self._has_answers:
            self._has_answers = False
            lib.sw_forget_answers(self._sw)

    def programs(self, directories: Sequence[str]) -> None:
        """Say where programs may be: spawns of others become NoProgramEvents.

        That is as long as there is no network. Raises OSError (ENOMEM).
        """
        places = [ffi.new("char[]", os.fsencode(directory)) for directory in directories]
        check(lib.sw_programs(self._sw, [*places, ffi.NULL]), "look for programs")

    def mute(self, conn: int, muted: bool) -> None:
        """Whether NoProgramEvents of a connection have been answered: none of them is logged.

        A connection that has ended is no error.
        """
        lib.sw_mute(self._sw, conn, muted)

    def context(self, context: int, owner: int) -> int:
        """A free context for a task (0), or give that one back: it, 0, or an error code."""
        return int(lib.sw_context(self._sw, context & 0xFFFFFFFF, owner & 0xFFFFFFFF))

    def free_contexts(self, owner: int) -> None:
        """A task has ended: its contexts are free."""
        lib.sw_free_contexts(self._sw, owner & 0xFFFFFFFF)

    def notify(
        self, owner: int, tid: int, ctx: int, tag: int, wid: int, *, cancel: bool = False
    ) -> None:
        """Keep a notice of the end of a task here for another one, or give it if it has ended.

        cancel: give one that is kept instead. Raises OSError (ENOMEM).
        """
        self.flush()
        words = [word & 0xFFFFFFFF for word in (owner, tid, ctx, tag, wid)]
        notice = ffi.new("struct sw_notice *", words)
        check(lib.sw_notify(self._sw, notice, cancel), "keep a notice")

    def notices(self, owner: int) -> int:
        """How many notices are kept here for a task."""
        return int(lib.sw_notices(self._sw, owner & 0xFFFFFFFF))

    def notify_end(self, tid: int) -> None:
        """A task has ended, and `forget` was called: give the notices about it, drop its own."""
        self.flush()
        lib.sw_notify_end(self._sw, tid & 0xFFFFFFFF)

    def serve_mail(self) -> None:
        """Answer ordinary requests of tasks here to the mailbox, from now on."""
        lib.sw_mail_serve(self._sw)

    def mail(self, body: bytes) -> bytes | None:
        """Put, get, remove or list as a TM_DB body says; the reply's body.

        None: a get that waits for an entry; until `serve_mail` is called again all requests to
        put are reported. WireError: malformed.
        """
        code = lib.sw_mail(self._sw, body, len(body), self._reply, self._size)
        if code == -errno.EINVAL:
            raise WireError("malformed request to the mailbox")
        if code == lib.SW_MAIL_WAIT:
            return None
        return bytes(ffi.buffer(self._reply[0], self._size[0]))

    def mail_disown(self, owner: int) -> None:
        """A task has ended: its entries go; persistent ones that are not doomed stay."""
        lib.sw_mail_disown(self._sw, owner)

    def mail_reset(self, name: bytes, index: int, kill: bool, keep: Sequence[int]) -> None:
        """TMDB_RESET of a class (empty: all) at an index (-1: all); see csrc/switch/switch.h."""
        lib.sw_mail_reset(self._sw, name, len(name), index, kill, keep, len(keep))

    def network(self, fd: int, mtu: int) -> None:
        """Exchange packets of at most `mtu` bytes over a bound non-blocking UDP socket.

        Once for a switch; the socket stays the caller's. Raises OSError.
        """
        check(lib.sw_network(self._sw, fd, mtu), "use the network")

    def host(
        self,
        tid: int,
        address: str,
        port: int,
        mtu: int,
        *,
        pending: bool = False,
        moves: bool = False,
        silence: float = 0.0,
    ) -> None:
        """Add the host of the daemon tid, or change it in place.

        pending: packets are sent to it, but none taken from it. moves: it knows that tasks move, so
        its packets may come from, and be for, tasks that bear any host's number. silence: seconds
        after which a daemon of this project that is not heard of is lost; 0: as 3.4.6 does it.
        Raises OSError.
        """
        self.flush()
        host = ffi.new("struct sw_host *")
        host.tid = tid & 0xFFFFFFFF
        host.address = int.from_bytes(socket.inet_aton(address), "big")
        host.port = port
        host.mtu = mtu
        host.flags = lib.SW_HOST_PENDING if pending else 0
        host.flags |= lib.SW_HOST_MOVES if moves else 0
        host.silence_ms = int(silence * 1000)
        check(lib.sw_host(self._sw, host), f"add host {tid & 0xFFFFFFFF:x}")

    def close_host(self, tid: int) -> None:
        """End the link to a host in order: a HostEvent follows. An unknown host is no error."""
        self.flush()
        lib.sw_host_close(self._sw, tid & 0xFFFFFFFF)

    def forget_host(self, tid: int, *, farewell: bool = False) -> None:
        """Drop a host at once; farewell: tell it. An unknown host is no error."""
        self.flush()
        lib.sw_host_forget(self._sw, tid & 0xFFFFFFFF, int(farewell))

    def trim(self) -> None:
        """Give memory that is not in use back to the system."""
        lib.sw_trim(self._sw)

    def statistics(self) -> Statistics:
        """The counters as they are now."""
        stats = ffi.new("struct sw_stats *")
        lib.sw_statistics(self._sw, stats)
        return Statistics(*_STATISTICS.unpack(ffi.buffer(stats)))

    def sharing(self, tid: int) -> Sharing | None:
        """The counters of a task here as they are now; None: it shares no memory."""
        home = ffi.new("struct share_home *")
        code = lib.sw_share_home(self._sw, tid & 0xFFFFFFFF, home, ffi.sizeof(home[0]))
        if code < 0 or home.magic != c.SHARE_MAGIC:
            return None
        return Sharing(*(int(getattr(home, name)) for name in Sharing.__annotations__))

    def sent(self, tid: int) -> tuple[int, int]:
        """What a task here has sent to other tasks: messages and bytes, those by memory, too."""
        messages, size = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        if lib.sw_sent(self._sw, tid & 0xFFFFFFFF, messages, size) < 0:
            return 0, 0
        shared = self.sharing(tid)
        if shared is None:
            return messages[0], size[0]
        return messages[0] + shared.messages, size[0] + shared.bytes


def _report(error: Exception, event: Event) -> None:
    """Tell the running event loop that the handler failed."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise error from None
    context: dict[str, Any] = {
        "message": f"handler of the switch failed on {type(event).__name__}",
        "exception": error,
    }
    loop.call_exception_handler(context)
