# SPDX-License-Identifier: MIT
"""What handlers raise instead of an answer."""

from __future__ import annotations

import errno

# Errors of the system that mean that it has no more of something now.
SCARCE = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


class Refused(Exception):
    """A request is answered with an error code. why: what the log says besides its name."""

    def __init__(self, code: int, why: str = "refused") -> None:
        super().__init__(why)
        self.code = code


class HostFailed(Exception):
    """The host is gone, or there is none; a task that waits is answered PvmHostFail."""
