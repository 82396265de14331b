# SPDX-License-Identifier: MIT
"""The switch as asyncio's selector: while the event loop waits, the switch forwards packets."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any

from .switch import Switch

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike


class SwitchSelector(selectors._BaseSelectorImpl):
    """Selector over a Switch, whose events go to its handler while the loop selects.

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

        Returns early with the keys that are ready, or when the switch's events have been handled.
        What their handlers ask the loop to call is called next, as for any callback.
        """
        ready = self._switch.run(timeout)
        self._switch.dispatch()
        # Only now, as the handlers may have closed some.
        keys = self._keys
        return [(key, mask & key.events) for fd, mask in ready if (key := keys.get(fd)) is not None]

    def close(self) -> None:
        """Forget all file objects."""
        for key in list(self._keys.values()):
            self.unregister(key.fileobj)
        super().close()


def new_event_loop(switch: Switch) -> asyncio.SelectorEventLoop:
    """Event loop that waits in the switch. Close the loop before the switch."""
    return asyncio.SelectorEventLoop(SwitchSelector(switch))
