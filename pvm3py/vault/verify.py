# SPDX-License-Identifier: MIT
"""All of a checkpoint is checked, and nothing is started.

Owner and modes of directories and files, the manifest with its hash, sizes and hashes of all files,
what images say of themselves, and each record of them, which the restarter checks.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pvm3py.root import launcher

from . import image, manifest, messages, store
from .manifest import File, Saved
from .store import VaultError


class Finding(NamedTuple):
    """What was found of a file, by its name; wrong: what is wrong, "": nothing."""

    name: str
    wrong: str


def at_number(word: str) -> tuple[str, int]:
    """A directory, and the number of a checkpoint behind "@"; 0: none is given."""
    path, at, number = word.rpartition("@")
    return (path, int(number)) if at and number.isdecimal() else (word, 0)


def read(directory: str, number: int) -> Saved:
    """A checkpoint, 0: the last one. Raises VaultError: it has no right manifest."""
    slot = store.find(directory, number)
    return manifest.decode(slot, store.read_file(os.path.join(slot.path, store.MANIFEST)))


def check(saved: Saved) -> Iterator[Finding]:
    """What is found of each file of a checkpoint but its manifest."""
    for tid, file in sorted(saved.images.items()):
        yield _tried(file, _check_image, saved, tid, file)
    for queue in saved.queues:
        yield _tried(queue, _check_queue, saved, queue)


def report(directory: str, number: int) -> tuple[list[str], bool]:
    """The lines for people about a checkpoint; whether all of it is right."""
    try:
        saved = read(directory, number)
    except VaultError as error:
        return [f"{error}"], False
    size = sum(file.size for file in saved.files)
    found = list(check(saved))
    lines = [f"{saved.slot.path}: {len(saved.states)} tasks, {size} bytes"]
    lines += [f"  {name}: {wrong or 'right'}" for name, wrong in found]
    return lines, not any(wrong for _, wrong in found)


def _tried(file: File, work: Callable[..., None], *args: object) -> Finding:
    try:
        work(*args)
    except VaultError as error:
        return Finding(file.name, f"{error}")
    except OSError as error:
        return Finding(file.name, f"{error.filename or file.name}: {error.strerror}")
    return Finding(file.name, "")


def _check_image(saved: Saved, tid: int, file: File) -> None:
    path = os.path.join(saved.slot.path, file.name)
    image.check_header(path, tid, saved.stamp)
    store.check_file(path, file.size, file.hash)
    bases = [base.path(saved.slot) for base in saved.bases[tid]]
    for base, whole in zip(saved.bases[tid], bases, strict=True):
        with manifest.of_base(saved.slot):
            store.check_file(whole, base.file.size, base.file.hash)
    with contextlib.ExitStack() as opened:
        *others, fd = (opened.enter_context(_opened(one)) for one in (*bases, path))
        words = [word for other in others for word in ("-b", str(other))]
        said = subprocess.run(
            [launcher().parent / "pvmrestart", "-c", *words, str(fd)],
            pass_fds=(*others, fd),
            capture_output=True,
            check=False,
        )
    if said.returncode:
        why = said.stderr.decode("utf-8", "replace").strip()
        raise VaultError(f"{path}: {why or 'the restarter has ended'}")


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    fd = store.open_safe(path)
    try:
        yield fd
    finally:
        os.close(fd)


def _check_queue(saved: Saved, queue: File) -> None:
    path = os.path.join(saved.slot.path, queue.name)
    for _ in messages.split(path, store.read_checked(path, queue.size, queue.hash)):
        pass
