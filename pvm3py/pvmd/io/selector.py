# SPDX-License-Identifier: MIT
"""The switch as asyncio's selector: while the event loop waits, the switch forwards packets.

Answers that the switch keeps are true as long as the daemon does nothing but handle its events,
whose handler looks after that itself. So they are forgotten before the loop calls anything else.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeVarTuple

from .switch import Switch

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

Args = TypeVarTuple("Args")


class SwitchSelector(selectors._BaseSelectorImpl):
    """Selector over a Switch, whose events go to its handler while the loop selects.

    Closing the selector leaves the switch open.
    """

    def __init__(self, switch: Switch) -> None:
        super().__init__()
        self._switch = switch
        self._keys: dict[int, selectors.SelectorKey] = {}
        # The loop has got something to do since the last select(), now or at some time.
        self.called = False

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        """Watch a file object for EVENT_READ, EVENT_WRITE or both.

        Raises OSError for what cannot be watched, such as a regular file.
        """
        key = super().register(fileobj, events, data)
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

        The switch's events are handled meanwhile. Returns early with the keys that are ready, or
        when a handler has given the loop something to do.
        """
        switch = self._switch
        due = None if timeout is None else time.monotonic() + timeout
        ready = switch.run(timeout)
        while switch.dispatch() and not (ready or self.called):
            if due is not None and (timeout := due - time.monotonic()) <= 0:
                break
            ready = switch.run(timeout)
        if ready or self.called or (timeout is not None and timeout <= 0):
            switch.forget_answers()
        self.called = False
        # Only now, as the handlers may have closed some.
        keys = self._keys
        return [(key, mask & key.events) for fd, mask in ready if (key := keys.get(fd)) is not None]

    def close(self) -> None:
        """Forget all file objects."""
        for key in list(self._keys.values()):
            self.unregister(key.fileobj)
        super().close()


class _SwitchLoop(asyncio.SelectorEventLoop):
    """The event loop of new_event_loop()."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._waiting = SwitchSelector(switch)
        super().__init__(self._waiting)

    def call_soon(
        self,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """As in any event loop; the selector is told, since handlers may do this."""
        self._waiting.called = True
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """As in any event loop; answers are forgotten when the time has come."""
        self._waiting.called = True

        def due() -> None:
            self._switch.forget_answers()
            callback(*args)

        return super().call_at(when, due, context=context)

    def stop(self) -> None:
        """As in any event loop; handlers may do this, too."""
        self._waiting.called = True
        super().stop()


def new_event_loop(switch: Switch) -> asyncio.SelectorEventLoop:
    """Event loop that waits in the switch. Close the loop before the switch."""
    return _SwitchLoop(switch)
