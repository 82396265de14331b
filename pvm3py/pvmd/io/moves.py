# SPDX-License-Identifier: MIT
"""The part of the switch that is about tasks that move."""

from __future__ import annotations

from typing import Any

from pvm3py._switch import ffi, lib
from pvm3py.wire import constants as c

from .process import check


class Moves:
    """What a switch is told of tasks that are not, or may soon not be, where their tids say.

    docs/architecture.md has the order in which daemons do these things. What `send` and `send_conn`
    send comes behind all that the switch had accepted for that host, task or connection before.
    """

    _sw: Any
    """struct sw of the switch."""

    def flush(self) -> None:
        """Hand what was collected to the switch."""
        raise NotImplementedError

    def hold_task(self, tid: int) -> None:
        """Keep what is sent to a task, of any host, from now on.

        A HeldEvent follows when multicasts have ended that go the old way. A task that is connected
        here can end what it is sending whatever the bounds; `send_conn` reaches it. Raises OSError:
        ENOENT if it would be here and is not connected.
        """
        self.flush()
        check(lib.sw_task_hold(self._sw, tid & 0xFFFFFFFF), f"hold task {tid:x}")

    def await_task(self, tid: int) -> None:
        """Keep what is sent to a task that is nowhere, and is to be made of an image here.

        Its tid is in use from now on, until `forget`. Raises OSError: EEXIST if it is here.
        """
        self.flush()
        check(lib.sw_task_await(self._sw, tid & 0xFFFFFFFF), f"await task {tid:x}")

    def held_for(self, tid: int) -> bytes:
        """A copy of the frames that are held for a task."""
        self.flush()
        size = lib.sw_task_held(self._sw, tid & 0xFFFFFFFF, ffi.NULL, 0)
        if not size:
            return b""
        frames = ffi.new("char[]", size)
        lib.sw_task_held(self._sw, tid & 0xFFFFFFFF, frames, size)
        return bytes(ffi.buffer(frames))

    def adopt_task(self, fd: int, tid: int, *, shares: bool = False, child: bool = False) -> int:
        """One end of a socket pair is the connection of a held task: its identity.

        The switch closes it in the end. shares, child: as in `bind`. What is held stays so until
        `thaw_task`. Raises OSError: ENOENT if the task is not held, EEXIST if it is connected; then
        fd stays the caller's.
        """
        self.flush()
        flags = (lib.SW_BIND_SHARES if shares else 0) | (lib.SW_BIND_CHILD if child else 0)
        conn = ffi.new("uint64_t *")
        code = lib.sw_task_adopt(self._sw, fd, tid & 0xFFFFFFFF, flags, conn)
        check(code, f"adopt task {tid:x}")
        return int(conn[0])

    def thaw_task(self, tid: int) -> None:
        """What was held goes to the task's connection here, and what is sent to it from now on.

        Raises OSError: ENOENT if the task is not held or has no connection.
        """
        self.flush()
        check(lib.sw_task_thaw(self._sw, tid & 0xFFFFFFFF), f"thaw task {tid:x}")

    def place_task(self, tid: int, host: int) -> None:
        """A task is at the host of this daemon: what was held goes there, and what is sent to it.

        Its connection here is no task's any more. `forget` ends what is known of it. Raises
        OSError: EINVAL if the host does not know that tasks move, EBUSY if the task is connected
        here and not held.
        """
        self.flush()
        code = lib.sw_task_place(self._sw, tid & 0xFFFFFFFF, host & 0xFFFFFFFF)
        check(code, f"place task {tid:x}")

    def hand_over(self, tid: int, host: int) -> None:
        """What a frozen task here has sent to held tasks is to be held at the host of this daemon.

        Raises OSError: EINVAL as `place_task`.
        """
        self.flush()
        code = lib.sw_task_hand_over(self._sw, tid & 0xFFFFFFFF, host & 0xFFFFFFFF)
        check(code, f"hand over what task {tid:x} has sent")

    def list_notices(self, owner: int, *, take: bool) -> list[tuple[int, int, int, int]]:
        """The notices that are kept for a task: tid, context, tag and wait id.

        take: none is kept any more.
        """
        count = lib.sw_notices(self._sw, owner & 0xFFFFFFFF)
        if not count:
            return []
        kept = ffi.new("struct sw_notice[]", count)
        count = lib.sw_notices_list(self._sw, owner & 0xFFFFFFFF, kept, count, take)
        word = c.signed
        return [(word(n.tid), word(n.ctx), word(n.tag), word(n.wid)) for n in kept[0:count]]

    def list_contexts(self, owner: int) -> list[int]:
        """The contexts of this host that a task has, wherever it is."""
        task = owner & 0xFFFFFFFF
        count = lib.sw_contexts_list(self._sw, task, ffi.NULL, 0)
        if not count:
            return []
        found = ffi.new("uint32_t[]", count)
        lib.sw_contexts_list(self._sw, task, found, count)
        return [c.signed(context) for context in found]

    def take_context(self, context: int, owner: int) -> None:
        """Give a task a context of this host that it had before. Raises OSError: EEXIST."""
        code = lib.sw_context_take(self._sw, context & 0xFFFFFFFF, owner & 0xFFFFFFFF)
        check(code, f"give context {context & 0xFFFFFFFF:x}")
