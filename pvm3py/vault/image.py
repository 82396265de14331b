# SPDX-License-Identifier: MIT
"""What an image says of itself and of the files that its task had open: csrc/wire/image.h.

All else in it is the restarter's, which checks it.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator

from . import store
from .store import VaultError

_MAGIC = b"pvmimage"
# struct image_header as far as it is looked at: magic, version, length, crc, arch, page, tid, job,
# epoch; then struct image_record, and struct image_fd, behind which the path is.
_HEADER = struct.Struct("=8sIIIIIiii")
_RECORD = struct.Struct("=IIQII")
_OPENED = struct.Struct("=iiIIIIQQQ")
# Types of records, and the kind of a descriptor that is opened by name: enum image_type, _fd_kind.
_FD, _FIRST_LARGE = 10, 200
_BY_NAME = 0
# Bytes of records before the first large one of which one is believed.
_RECORD_MAX = 1 << 20


def check_header(path: str, tid: int, stamp: int) -> None:
    """Raises VaultError unless a file is the image of this task, of this checkpoint."""
    fd = store.open_safe(path)
    try:
        *_, of, _, epoch = _header(fd, path)
    finally:
        os.close(fd)
    if (of, epoch) != (tid, stamp):
        raise VaultError(f"{path}: is of another task or checkpoint")


def _header(fd: int, path: str) -> tuple[int, ...]:
    head = os.pread(fd, _HEADER.size, 0)
    if len(head) < _HEADER.size or not head.startswith(_MAGIC):
        raise VaultError(f"{path}: is no image")
    return _HEADER.unpack(head)[1:]


def appended(path: str) -> list[tuple[str, int]]:
    """The files to which the task of an image appends, and their sizes then. Raises VaultError."""
    fd = store.open_safe(path)
    try:
        return list(_appended(fd, path))
    finally:
        os.close(fd)


def _appended(fd: int, path: str) -> Iterator[tuple[str, int]]:
    for content in _descriptors(fd, path):
        _, _, kind, flags, mode, _, _, size, _ = _OPENED.unpack_from(content)
        writes = flags & os.O_APPEND and flags & os.O_ACCMODE != os.O_RDONLY
        if kind == _BY_NAME and writes and stat.S_ISREG(mode):
            yield os.fsdecode(content[_OPENED.size :].rstrip(b"\0")), size


def _descriptors(fd: int, path: str) -> Iterator[bytes]:
    """The records of open descriptors."""
    _, at, *_ = _header(fd, path)
    while True:
        head = os.pread(fd, _RECORD.size, at)
        if len(head) < _RECORD.size:
            raise VaultError(f"{path}: is cut off")
        kind, _, length, _, _ = _RECORD.unpack(head)
        if kind >= _FIRST_LARGE:
            return
        if kind == _FD and _OPENED.size <= length <= _RECORD_MAX:
            yield os.pread(fd, length, at + _RECORD.size)
        at += _RECORD.size + length
