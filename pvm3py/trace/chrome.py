# SPDX-License-Identifier: MIT
"""Chrome's trace format (JSON), for chrome://tracing and ui.perfetto.dev.

A host is a process there and a task a thread: calls are bars, a message is an arrow from the call
that sent it to the call that received it, other events are instants.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Any

from pvm3py.places import host_number
from pvm3py.wire import constants as c

from .message import Event

Entry = dict[str, Any]

_SENDS = ("send", "psend", "mcast")
_RECEIVES = ("recv", "nrecv", "trecv", "precv")
_HEAD = ("TS", "TU", "TID")
# Source, destination, tag and context of a message.
_Key = tuple[int, int, int, int]


def convert(events: Iterable[Event]) -> Entry:
    """The document for events of any tasks, in any order."""
    return _Converter().document(sorted(events, key=_time))


def _time(event: Event) -> int:
    return event.time


class _Converter:
    """Collects the entries of a document."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._open: dict[int, list[Event]] = defaultdict(list)
        self._sent: dict[_Key, deque[tuple[int, int]]] = defaultdict(deque)
        self._flows = 0
        self._hosts: dict[int, str] = {}
        self._tasks: dict[int, str] = {}
        self._last: dict[int, int] = {}

    def document(self, events: list[Event]) -> Entry:
        """The document of events in order of time."""
        for event in events:
            self._add(event)
        for tid, calls in self._open.items():
            for call in reversed(calls):
                self._bar(call, self._last[tid], {})
        names = [self._label("process_name", host, 0, text) for host, text in self._hosts.items()]
        names += [
            self._label("thread_name", host_number(tid), tid, text)
            for tid, text in self._tasks.items()
        ]
        return {"displayTimeUnit": "ms", "traceEvents": names + self._entries}

    def _add(self, event: Event) -> None:
        if event.name == "host_add":
            self._hosts[host_number(event.tid)] = event["HN"]
            return
        tid = event.tid
        if tid & c.TIDLOCAL:
            self._hosts.setdefault(host_number(tid), f"host {host_number(tid)}")
            self._tasks.setdefault(tid, f"t{tid:x}")
        if event.name == "newtask" and event["TN"] != "-":
            self._tasks[tid] = f"t{tid:x} {event['TN']}"
        self._last[tid] = event.time
        if event.half == "entry":
            self._open[tid].append(event)
            self._send(event)
        elif event.half == "exit":
            self._exit(event)
        else:
            self._put(event, "i", event.time, s="t", args=_arguments(event))

    def _exit(self, event: Event) -> None:
        """The end of the innermost open call of this name; calls inside it end with it."""
        calls = self._open[event.tid]
        if not any(call.name == event.name for call in calls):
            return
        while calls:
            call = calls.pop()
            self._bar(call, event.time, _arguments(event) if call.name == event.name else {})
            if call.name == event.name:
                break
        self._receive(event)

    def _bar(self, entry: Event, end: int, results: Entry) -> None:
        arguments = _arguments(entry) | {f"{name} at exit": v for name, v in results.items()}
        self._put(entry, "X", entry.time, dur=end - entry.time, args=arguments)

    def _send(self, event: Event) -> None:
        if event.name not in _SENDS:
            return
        receivers = event["MDL"] if event.name == "mcast" else [event["DST"]]
        for receiver in receivers:
            self._flows += 1
            key = event.tid, receiver, event["MC"], event["MCX"]
            self._sent[key].append((self._flows, event.time))

    def _receive(self, event: Event) -> None:
        """Draw the arrow of a received message, if its sender was traced."""
        if event.name not in _RECEIVES or event.get("SRC", 0) <= 0:
            return
        queue = self._sent[event["SRC"], event.tid, event["MC"], event["MCX"]]
        if not queue:
            return
        number, sent = queue.popleft()
        flow = {"cat": "message", "name": f"tag {event['MC']}", "id": number}
        source = {"pid": host_number(event["SRC"]), "tid": event["SRC"], "ts": sent}
        self._entries.append(flow | source | {"ph": "s"})
        target = {"pid": host_number(event.tid), "tid": event.tid, "ts": event.time}
        self._entries.append(flow | target | {"ph": "f", "bp": "e"})

    def _put(self, event: Event, phase: str, ts: int, **more: Any) -> None:
        tid = event.tid
        place = {"pid": host_number(tid), "tid": tid, "ts": ts}
        self._entries.append({"name": event.name, "cat": "pvm", "ph": phase} | place | more)

    def _label(self, what: str, pid: int, tid: int, text: str) -> Entry:
        return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": {"name": text}}


def _arguments(event: Event) -> Entry:
    return {item.name: item.value for item in event.items if item.name not in _HEAD}
