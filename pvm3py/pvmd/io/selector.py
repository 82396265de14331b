# SPDX-License-Identifier: MIT
"""The switch as asyncio's selector: while the event loop waits, the switch forwards packets.

Answers that the switch keeps are true as long as the daemon does nothing. So they are forgotten
before anything runs in the event loop but the switch's handler, which looks after that itself.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVarTuple

from .switch import Switch

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

Args = TypeVarTuple("Args")


class SwitchSelector(selectors._BaseSelectorImpl):
    """Selector over a Switch.

    The switch itself can be registered (it has a fileno) and is readable when it has events.
    Closing the selector leaves the switch open.
    """

    def __init__(self, switch: Switch) -> None:
        super().__init__()
        self._switch = switch
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        """Watch a file object for EVENT_READ, EVENT_WRITE or both.

        Raises OSError for what cannot be watched, such as a regular file.
        """
        key = super().register(fileobj, events, data)
        if key.fd != self._switch.fileno():
            try:
                self._switch.watch(key.fd, events)
            except OSError:
                super().unregister(fileobj)
                raise
        self._keys[key.fd] = key
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Stop watching a file object, which may be closed already."""
        key = super().unregister(fileobj)
        del self._keys[key.fd]
        if key.fd != self._switch.fileno():
            try:
                self._switch.watch(key.fd, 0)
            except OSError:
                pass
        return key

    def modify(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        """Change the events and the data of a registered file object."""
        self.unregister(fileobj)
        return self.register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Forward packets for at most `timeout` seconds (None: no limit, <= 0: one pass).

        Returns early with the keys that are ready, and with the switch's own if it has events.
        """
        switch = self._switch
        if timeout is not None and timeout <= 0:
            switch.forget_answers()
        ready = switch.run(timeout)
        if ready:
            switch.forget_answers()
        keys = self._keys
        result = [
            (key, mask & key.events) for fd, mask in ready if (key := keys.get(fd)) is not None
        ]
        if switch.has_events and (key := keys.get(switch.fileno())) is not None:
            result.append((key, selectors.EVENT_READ))
        return result

    def close(self) -> None:
        """Forget all file objects."""
        for key in list(self._keys.values()):
            self.unregister(key.fileobj)
        super().close()


class _SwitchLoop(asyncio.SelectorEventLoop):
    """The event loop of new_event_loop()."""

    def __init__(self, switch: Switch) -> None:
        super().__init__(SwitchSelector(switch))
        self._switch = switch

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As in any event loop; what is due at a time may change what answers rest on."""

        def due() -> None:
            self._switch.forget_answers()
            callback(*args)

        return super().call_at(when, due, context=context)


def new_event_loop(switch: Switch) -> asyncio.SelectorEventLoop:
    """Event loop that waits in the switch and calls `switch.dispatch` for its events.

    Close the loop before the switch.
    """
    loop = _SwitchLoop(switch)
    loop.add_reader(switch, switch.dispatch)
    return loop
