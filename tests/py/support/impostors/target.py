# SPDX-License-Identifier: MIT
"""A daemon under attack, and the proof afterwards that it is as good as new."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from functools import cache

from hypothesis import HealthCheck, settings

from pvm3py.wire import constants as c
from support.impostors.rawtask import ClosedError, Connector, RawTask, ints, message
from support.machines.vm import VirtualMachine, wait_until
from support.system import VECTORS, Side

# What a daemon may keep of memory after an attack, bytes.
RSS_SLACK = 24 << 20
# Tags that have no answer, or whose answer is that everything ends.
NO_REPLY = {c.TM_HALT, c.TM_MCA, c.TM_NOTIFY, c.TM_SHMCONN}


def attacks(count: int) -> settings:
    """Settings of a property test that attacks the same daemon so many times."""
    harmless = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=count, deadline=None, suppress_health_check=harmless)


class Target:
    """A virtual machine that raw connections are made to; started again if it died.

    env     further environment of the daemon
    """

    def __init__(self, side: Side = "ours", env: Mapping[str, str] | None = None) -> None:
        self._side, self._env = side, env
        self._start()

    def _start(self) -> None:
        self.connector = Connector()
        self.vm = VirtualMachine(self._side, env=self._env)
        self.check_serves()
        self._descriptors = self.vm.descriptors()
        self._rss = self.vm.rss()
        self._harmed = False

    def ensure(self) -> None:
        """Start anew if the last test did harm to the daemon or the helper."""
        if self._harmed or self.vm.process.poll() is not None or not self.connector.alive():
            self.close()
            self._start()

    def connect(self) -> RawTask:
        """A connection that is not enrolled."""
        return RawTask(self.vm.address, self.connector)

    def task(self) -> RawTask:
        """An enrolled task."""
        return self.connect().enrol(self.vm.tmp)

    def check_serves(self) -> None:
        """The next two tasks are enrolled, answered, and can talk to each other."""
        with self.task() as first, self.task() as second:
            assert first.request(c.TM_CONFIG).ints()[0] == 1
            exchange(first, second, b"ping")
            exchange(second, first, b"pong" * 5000)
            for task in (first, second):
                task.request(c.TM_EXIT)
                task.wait_closed()

    def check_unharmed(self) -> None:
        """It serves, holds no descriptor more, has not grown, and had no internal error."""
        self._harmed = True
        assert self.vm.process.poll() is None, f"daemon died\n{self.vm.log()[-4000:]}"
        self.check_serves()
        wait_until(
            lambda: self.vm.descriptors() <= self._descriptors,
            f"not more than {self._descriptors} descriptors",
        )
        grown = self.vm.rss() - self._rss
        assert grown < RSS_SLACK, f"daemon has grown by {grown >> 20} MiB"
        said = self.vm.log() + (self.vm.home / "daemon.err").read_text(errors="replace")
        assert "Traceback" not in said, said[said.index("Traceback") :][:4000]
        self._harmed = False

    def close(self) -> None:
        """Stop the daemon and the helper."""
        self.connector.close()
        self.vm.stop(check=False)


def exchange(sender: RawTask, receiver: RawTask, body: bytes) -> None:
    """Send a message from task to task and compare what arrives."""
    sender.send(message(7, body, dst=receiver.tid, src=sender.tid, ctx=0))
    arrived = receiver.receive()
    assert (arrived.src, arrived.dst, arrived.tag) == (sender.tid, receiver.tid, 7)
    assert arrived.body == body


def embedded_message(data: bytes) -> bytes:
    """A message as TM_DB carries it."""
    return ints(len(data), 0, 0, 0, c.WIRE_ENC_XDR, 0, 0, 0, len(data)) + data


@cache
def request_vectors() -> dict[int, bytes]:
    """The recorded request with the longest body of each tag, whole fragments."""
    found: dict[int, bytes] = {}
    for path in sorted((VECTORS / "task").glob("*.json")):
        vector = json.loads(path.read_text())
        data = bytes.fromhex(vector["hex"])
        tag = struct.unpack_from("!i", data, c.TDFRAGHDR + c.WIRE_MSG_TAG)[0]
        asked = vector["direction"] == "task->pvmd" and c.TM_FIRST <= tag <= c.TM_LAST
        if asked and len(data) > len(found.get(tag, b"")):
            found[tag] = data
    assert len(found) > 15, "vectors of requests are missing"
    return found


def await_fate(task: RawTask, tag: int, wid: int) -> None:
    """Wait until the request has been answered or the connection closed."""
    try:
        seen = task.sync()
        while tag not in NO_REPLY and (tag, wid) not in seen:
            answer = task.receive()
            seen.add((answer.tag, answer.wid))
    except ClosedError:
        pass
