# SPDX-License-Identifier: MIT
"""The directories and files of checkpoints.

    DIR/job-t40002/000012/   manifest.json, t40003.img, held-40000.q
                   000013.part/  is being written, or was not finished
                   latest        a link to the last one

All of it belongs to the user of the machine, and nobody else may read it: an image is a program.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable
from typing import Any, NamedTuple

MANIFEST = "manifest.json"
_LATEST = "latest"
_PART = ".part"
_NUMBER = re.compile(r"\d{6,9}")
_JOB = re.compile(r"job-t[0-9a-f]+")
# Of a manifest; a task needs about a kilobyte.
_MANIFEST_MAX = 64 << 20
# Bytes that are read at once, and those of a hash.
_PART_OF_FILE = 1 << 20
_HASH_BYTES = 32


class VaultError(Exception):
    """A directory or file cannot be used; the text says why."""


class Slot(NamedTuple):
    """The directory of a checkpoint, in that of its job."""

    job: str
    number: int

    @property
    def path(self) -> str:
        """Where it is when it is whole."""
        return os.path.join(self.job, f"{self.number:06}")

    @property
    def part(self) -> str:
        """Where it is before."""
        return self.path + _PART


def job_directory(directory: str, root: int) -> str:
    """The directory of a job in another one."""
    return os.path.join(directory, f"job-t{root:x}")


def open_safe(path: str) -> int:
    """Open a file for reading that is this user's alone. VaultError: it is not, or not there."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror}") from error
    try:
        _check(path, os.fstat(fd), stat.S_ISREG)
    except VaultError:
        os.close(fd)
        raise
    return fd


def new_hash() -> hashlib.blake2b:
    """What files and manifests are hashed with."""
    return hashlib.blake2b(digest_size=_HASH_BYTES)


def hash_file(path: str) -> tuple[int, str]:
    """Bytes and hash of a file that is this user's alone. Raises VaultError."""
    fd = open_safe(path)
    whole, count = new_hash(), 0
    try:
        while part := os.read(fd, _PART_OF_FILE):
            whole.update(part)
            count += len(part)
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror}") from error
    finally:
        os.close(fd)
    return count, whole.hexdigest()


def check_file(path: str, size: int, expected: str) -> None:
    """Raises VaultError unless a file is this user's alone, with so many bytes and this hash."""
    check_size(path, size)
    if hash_file(path) != (size, expected):
        raise VaultError(f"{path}: is damaged: its hash is another")


def read_checked(path: str, size: int, expected: str) -> bytes:
    """The content of such a file. Raises VaultError."""
    check_size(path, size)
    content = read_file(path, size)
    whole = new_hash()
    whole.update(content)
    if whole.hexdigest() != expected:
        raise VaultError(f"{path}: is damaged: its hash is another")
    return content


def check_size(path: str, expected: int) -> None:
    """Raises VaultError unless a file is this user's alone, and has so many bytes."""
    fd = open_safe(path)
    size = os.fstat(fd).st_size
    os.close(fd)
    if size != expected:
        raise VaultError(f"{path}: has {size} bytes, not {expected}: it is cut off")


def check_directory(path: str) -> None:
    """VaultError: a directory is not this user's alone, or not there."""
    try:
        _check(path, os.lstat(path), stat.S_ISDIR)
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror}") from error


def _check(path: str, found: os.stat_result, is_kind: Any) -> None:
    if not is_kind(found.st_mode):
        raise VaultError(f"{path}: is of another kind")
    if found.st_uid != os.geteuid():
        raise VaultError(f"{path}: belongs to user {found.st_uid}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise VaultError(f"{path}: others than its user may use it")


# ---- writing -------------------------------------------------------------------------------


def begin(directory: str, root: int) -> Slot:
    """Make the directory of the next checkpoint of a job, in one that may have to be made.

    Raises VaultError.
    """
    job = job_directory(directory, root)
    try:
        for path in (directory, job):
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700)
        check_directory(job)
        slot = Slot(job, max(numbers(job), default=0) + 1)
        _remove(slot.part)
        os.mkdir(slot.part, 0o700)
    except OSError as error:
        raise VaultError(f"{error.filename or job}: {error.strerror}") from error
    return slot


def drop(slot: Slot) -> None:
    """A checkpoint is not finished: its files go, and the directory of its job if it is empty."""
    _remove(slot.part)
    with contextlib.suppress(OSError):
        os.rmdir(slot.job)


def room(slot: Slot) -> int:
    """Bytes that are free where a checkpoint is written. Raises OSError."""
    about = os.statvfs(slot.part)
    return about.f_bavail * about.f_frsize


def size(slot: Slot) -> int:
    """Bytes of the files of a whole checkpoint."""
    try:
        with os.scandir(slot.path) as files:
            return sum(file.stat(follow_symlinks=False).st_size for file in files)
    except OSError:
        return 0


def write_file(path: str, content: bytes) -> None:
    """A new file, which is on the disk afterwards. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        while content:
            content = content[os.write(fd, content) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def publish(slot: Slot, manifest: bytes) -> None:
    """The checkpoint is whole from now on, whatever happens. Raises VaultError."""
    try:
        write_file(os.path.join(slot.part, MANIFEST), manifest)
        _sync_directory(slot.part)
        os.rename(slot.part, slot.path)
        link = os.path.join(slot.job, _LATEST)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(link + _PART)
        os.symlink(f"{slot.number:06}", link + _PART)
        os.rename(link + _PART, link)
        _sync_directory(slot.job)
    except OSError as error:
        raise VaultError(f"{error.filename or slot.path}: {error.strerror}") from error


def prune(slot: Slot, keep: int, needed: Callable[[Slot], set[int]]) -> None:
    """Remove all but the last checkpoints of a job, this one the last.

    needed: the numbers of others that one cannot do without.
    """
    known = sorted(numbers(slot.job))
    kept = known[-max(keep, 1) :]
    others = {number for one in kept for number in needed(Slot(slot.job, one))}
    for number in set(known) - set(kept) - others:
        _remove(Slot(slot.job, number).path)


def _sync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _remove(path: str) -> None:
    """Remove a directory of files; what cannot be removed stays."""
    try:
        names = os.listdir(path)
    except OSError:
        return
    # What has no manifest is no checkpoint, whatever else could not be removed.
    for name in sorted(names, key=lambda name: name != MANIFEST):
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(path, name))
    with contextlib.suppress(OSError):
        os.rmdir(path)


# ---- reading -------------------------------------------------------------------------------


def numbers(job: str) -> list[int]:
    """The numbers of the whole checkpoints of a job."""
    try:
        names = [name for name in os.listdir(job) if _NUMBER.fullmatch(name)]
    except OSError:
        return []
    return [int(name) for name in names if os.path.exists(os.path.join(job, name, MANIFEST))]


def find(directory: str, number: int) -> Slot:
    """A checkpoint, 0: the last one, of the only job in a directory, or of a job's. VaultError."""
    job = directory
    if not _JOB.fullmatch(os.path.basename(directory.rstrip("/"))):
        try:
            jobs = [name for name in os.listdir(directory) if _JOB.fullmatch(name)]
        except OSError as error:
            raise VaultError(f"{directory}: {error.strerror}") from error
        if len(jobs) != 1:
            found = f"has {', '.join(sorted(jobs))}: name one of these" if jobs else "has no job"
            raise VaultError(f"{directory}: {found}")
        job = os.path.join(directory, jobs[0])
    check_directory(job)
    known = numbers(job)
    if not known or (number and number not in known):
        raise VaultError(f"{job}: there is no checkpoint {number or ''}".rstrip())
    slot = Slot(job.rstrip("/"), number or max(known))
    check_directory(slot.path)
    return slot


def read_file(path: str, most: int = _MANIFEST_MAX) -> bytes:
    """The content of a file that is this user's alone. Raises VaultError."""
    fd = open_safe(path)
    try:
        if os.fstat(fd).st_size > most:
            raise VaultError(f"{path}: {os.strerror(errno.EFBIG)}")
        with os.fdopen(fd, "rb", closefd=False) as file:
            return file.read(most)
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror}") from error
    finally:
        os.close(fd)
