# SPDX-License-Identifier: MIT
"""What the manifest of a checkpoint says: its tasks, files with their hashes, what else there was.

The manifest is written last, and has a hash of itself. All that it says is checked when it is read.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from pvm3py.wire.checkpoints import Appended, Estate, TaskState
from pvm3py.wire.codec import WireError

from . import store
from .store import Slot, VaultError

# Form of the manifest.
FORMAT = 3
# What a manifest raises that is not as it was written.
_DAMAGED = (
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
    WireError,
)


class File(NamedTuple):
    """A file of a checkpoint, by its name in the directory."""

    name: str
    size: int
    hash: str


class Base(NamedTuple):
    """An image on which another one builds, of the checkpoint of the same job with this number."""

    number: int
    file: File

    def path(self, slot: Slot) -> str:
        """Where it is; slot: of a checkpoint of the job."""
        return os.path.join(Slot(slot.job, self.number).path, self.file.name)


class Saved(NamedTuple):
    """A checkpoint as its manifest has it.

    images, bases, places: by tids; bases: what images build on, the oldest first; places are names
    of the hosts where the tasks were. appended: files to which tasks append.
    """

    slot: Slot
    stamp: int
    machine: str
    root: int
    states: list[TaskState]
    images: dict[int, File]
    bases: dict[int, list[Base]]
    places: dict[int, str]
    queues: list[File]
    estate: Estate
    appended: list[Appended]

    @property
    def files(self) -> list[File]:
        """All files but the manifest."""
        return [*self.images.values(), *self.queues]


# ---- writing -------------------------------------------------------------------------------


def encode(saved: Saved, when: str) -> bytes:
    """The manifest of a checkpoint that was written at this time."""
    words = {
        "format": FORMAT,
        "job": f"t{saved.root:x}",
        "number": saved.slot.number,
        "stamp": saved.stamp,
        "time": when,
        "machine": saved.machine,
        "tasks": [_task(saved, state) for state in saved.states],
        "queues": [queue._asdict() for queue in saved.queues],
        "estate": base64.b64encode(saved.estate.encode()).decode(),
        "appended": [[one.tid, one.path, one.high, one.low] for one in saved.appended],
    }
    return json.dumps({**words, "hash": hash_of(words)}, indent=1).encode()


def _task(saved: Saved, state: TaskState) -> dict[str, Any]:
    record, tid = state.go.task, state.go.tid
    return {
        "tid": f"t{tid:x}",
        "parent": f"t{record.ptid:x}",
        "name": record.name,
        "place": saved.places[tid],
        "image": saved.images[tid]._asdict(),
        "bases": [{"number": number, "file": file._asdict()} for number, file in saved.bases[tid]],
        "state": base64.b64encode(state.encode()).decode(),
    }


def hash_of(words: dict[str, Any]) -> str:
    """The hash of what a manifest says, but for its hash."""
    whole = store.new_hash()
    said = {name: word for name, word in words.items() if name != "hash"}
    whole.update(json.dumps(said, sort_keys=True).encode())
    return whole.hexdigest()


# ---- reading -------------------------------------------------------------------------------


def load(directory: str, number: int) -> tuple[Slot, bytes]:
    """The manifest of a checkpoint, 0: the last one, all of whose files are there.

    Raises VaultError: there is none, or it is damaged.
    """
    slot = store.find(directory, number)
    text = store.read_file(os.path.join(slot.path, store.MANIFEST))
    saved = decode(slot, text)
    for file in saved.files:
        store.check_size(os.path.join(slot.path, file.name), file.size)
    for base in (base for bases in saved.bases.values() for base in bases):
        with of_base(slot):
            store.check_size(base.path(slot), base.file.size)
    return slot, text


@contextlib.contextmanager
def of_base(slot: Slot) -> Iterator[None]:
    """What is wrong meanwhile is so with something on which a checkpoint builds."""
    try:
        yield
    except VaultError as error:
        raise VaultError(f"{slot.path} builds on what cannot be used: {error}") from error


def needed(slot: Slot) -> set[int]:
    """The numbers of the checkpoints on which a whole one builds; none if it is damaged."""
    try:
        text = store.read_file(os.path.join(slot.path, store.MANIFEST))
        saved = decode(slot, text)
    except VaultError:
        return set()
    return {base.number for bases in saved.bases.values() for base in bases}


def decode(slot: Slot, text: bytes) -> Saved:
    """What the manifest of a checkpoint says. Raises VaultError: it is damaged."""
    path = os.path.join(slot.path, store.MANIFEST)
    try:
        words = json.loads(text)
        if words["format"] != FORMAT:
            raise VaultError(f"{path}: is of format {words['format']}, not {FORMAT}")
        if words["hash"] != hash_of(words):
            raise VaultError(f"{path}: is damaged: its hash is another")
        return _saved(slot, words)
    except _DAMAGED as error:
        raise VaultError(f"{path}: is damaged: {error}") from error


def _saved(slot: Slot, words: dict[str, Any]) -> Saved:
    """What a manifest says. Raises what it can raise if it is damaged; VaultError."""
    states, images, bases, places = [], {}, {}, {}
    for task in words["tasks"]:
        tid = _tid(task["tid"])
        state = TaskState.decode(base64.b64decode(task["state"], validate=True))
        if state.go.tid != tid:
            raise VaultError(f"{slot.path}: what it says of t{tid:x} is damaged")
        images[tid], places[tid] = _file(task["image"]), str(task["place"])
        bases[tid] = [Base(int(base["number"]), _file(base["file"])) for base in task["bases"]]
        states.append(state)
    return Saved(
        slot,
        int(words["stamp"]),
        str(words["machine"]),
        _tid(words["job"]),
        states,
        images,
        bases,
        places,
        [_file(queue) for queue in words["queues"]],
        Estate.decode(base64.b64decode(words["estate"], validate=True)),
        [Appended(*one) for one in words["appended"]],
    )


def _tid(word: str) -> int:
    return int(word.removeprefix("t"), 16)


def _file(words: dict[str, Any]) -> File:
    """A file of the same directory. ValueError: its name is none of such a file."""
    name = words["name"]
    if not name or "/" in name or name.startswith("."):
        raise ValueError(f"{name!r} is no name of a file")
    return File(str(name), int(words["size"]), str(words["hash"]))
