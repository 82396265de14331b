# SPDX-License-Identifier: MIT
"""Messages to other daemons, and their answers.

An answer belongs to the request with its wait id, if it comes from the host that was asked and has
the tag that follows the request's. There are no time limits here: a host that does not answer any
more is reported by its link, and then every request to it raises HostFailed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from typing import TypeVar

from pvm3py.places import birth_host
from pvm3py.wire import constants as c
from pvm3py.wire.codec import WireError
from pvm3py.wire.hosts import SlaveSettings
from pvm3py.wire.record import Record

from .io.switch import Switch
from .state.errors import HostFailed, Refused
from .state.events import MessageEvent
from .state.hosts import HostTable
from .state.log import Log
from .state.plain import Plain
from .state.task import Waits

Reply = TypeVar("Reply", bound=Record)


class _Wait(Plain):
    """An answer that is expected: from this host, with this tag."""

    host: int
    tag: int
    answer: asyncio.Future[bytes]


class Peers:
    """What this daemon asked other daemons.

    A request whose maker has given up stays, so that its answer is known when it comes.
    """

    def __init__(
        self, switch: Switch, hosts: HostTable, loop: asyncio.AbstractEventLoop, log: Log
    ) -> None:
        self._switch, self._hosts, self._loop, self._log = switch, hosts, loop, log
        self._waits: dict[int, _Wait] = {}
        self._last = 0
        # What is being done for each other host, to be answered later.
        self.serving: defaultdict[int, Waits] = defaultdict(dict)

    def send(self, host: int, tag: int, body: Record | bytes, wid: int = 0, ctx: int = 0) -> None:
        """A message to the daemon of another host, given by its tid or that of a task there."""
        data = body if isinstance(body, bytes) else body.encode()
        dst = c.TIDPVMD | self._hosts.places.place(host)
        self._switch.send(dst, c.TIDPVMD | self._hosts.own.tid, tag, ctx, wid, data)

    def tell_all(self, setting: int, text: str) -> None:
        """Have all other daemons take over a setting of DM_SLCONF."""
        body = SlaveSettings([(setting, text)]).encode()
        for host in self._hosts.others():
            self.send(host.tid, c.DM_SLCONF, body)

    def ask(self, host: int, tag: int, body: Record | bytes) -> asyncio.Future[bytes]:
        """Send a request to the daemon of another host; the future is the body of its answer.

        HostFailed is set if the host is not in the machine, or ceases to be before it has answered.
        """
        host = self._hosts.places.place(host)
        answer: asyncio.Future[bytes] = self._loop.create_future()
        if self._hosts.get(host) is None:
            answer.set_exception(HostFailed(f"no host {host:x}"))
        else:
            wid = self._next_wid()
            self._waits[wid] = _Wait(host, tag + 1, answer)
            self.send(host, tag, body, wid)
        return answer

    def request(
        self, host: int, tag: int, body: Record | bytes, reply: type[Reply]
    ) -> Coroutine[None, None, Reply]:
        """As ask(), which happens at the call; what is awaited is the answer as a record.

        Raises HostFailed, and Refused if the answer is not a `reply`.
        """
        place = self._hosts.places.place(host)
        answer = self.ask(place, tag, body)

        async def decoded() -> Reply:
            try:
                return reply.decode(await answer)
            except WireError as error:
                who = f"t{(c.TIDPVMD | place) & 0xFFFFFFFF:x}"
                self._log(f"{c.message_name(tag + 1)} of {who}, malformed: {error}")
                raise Refused(c.PvmDSysErr, f"the answer of {who} is malformed") from error

        return decoded()

    def answered(self, event: MessageEvent) -> None:
        """An answer of another daemon has come."""
        wait = self._waits.get(event.wid)
        if wait is None or (event.tag, birth_host(event.src)) != (wait.tag, wait.host):
            name, src = c.message_name(event.tag), event.src & 0xFFFFFFFF
            self._log(f"{name} of t{src:x} answers no request ({event.wid:x}), ignored")
            return
        del self._waits[event.wid]
        if wait.answer.done():
            return
        if event.too_long:
            wait.answer.set_exception(Refused(c.PvmOutOfRes, "the answer is too long"))
        else:
            wait.answer.set_result(event.body)

    def host_lost(self, host: int) -> None:
        """A host is gone: so are all requests to it, and who would get answers from here."""
        for job in self.serving.pop(host, ()):
            job.cancel()
        for wid in [wid for wid, wait in self._waits.items() if wait.host == host]:
            answer = self._waits.pop(wid).answer
            if not answer.done():
                answer.set_exception(HostFailed(f"host {host:x} is gone"))

    def _next_wid(self) -> int:
        """A wait id that is not in use: this host's tid + 1, 2, 3, ... around."""
        own = self._hosts.own.tid
        while True:
            self._last = self._last % c.TIDLOCAL + 1
            if own | self._last not in self._waits:
                return own | self._last
