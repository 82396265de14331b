# SPDX-License-Identifier: MIT
"""Files of this user in a directory that others may write to, as /tmp is.

Nothing is read, replaced or removed that another user has put there, and no open waits for
anybody.
"""

from __future__ import annotations

import errno
import os
import stat

_CREATE = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def create(path: str) -> int:
    """Descriptor of a new file for this user alone, open for writing. OSError: it cannot be."""
    return os.open(path, _CREATE, 0o600)


def create_anew(path: str) -> int:
    """The same in the place of an older file of this user, if there is one.

    That is removed, not emptied: others may have it open, or have linked it from elsewhere.
    """
    try:
        _check(path, os.lstat(path))
        os.unlink(path)
    except FileNotFoundError:
        pass
    return create(path)


def read(path: str, size: int) -> bytes:
    """The first bytes of a file of this user, none if others can write to it.

    OSError: there is none, or it is no regular file of this user.
    """
    _check(path, os.lstat(path))
    fd = os.open(path, _READ)
    try:
        status = os.fstat(fd)
        _check(path, status)
        return b"" if status.st_mode & 0o022 else os.read(fd, size)
    finally:
        os.close(fd)


def remove(path: str, *, only_socket: bool = False) -> bool:
    """Remove a file or socket of this user. False: nothing like that is there."""
    try:
        status = os.lstat(path)
        kinds = (stat.S_IFSOCK,) if only_socket else (stat.S_IFSOCK, stat.S_IFREG)
        if status.st_uid != os.geteuid() or stat.S_IFMT(status.st_mode) not in kinds:
            return False
        os.unlink(path)
    except OSError:
        return False
    return True


def is_socket(path: str) -> bool:
    """Whether a socket of this user is there."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return status.st_uid == os.geteuid() and stat.S_ISSOCK(status.st_mode)


def _check(path: str, status: os.stat_result) -> None:
    """OSError: this is no regular file of this user."""
    if status.st_uid != os.geteuid():
        raise OSError(errno.EPERM, f"it belongs to user {status.st_uid}", path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EPERM, "it is no regular file", path)
