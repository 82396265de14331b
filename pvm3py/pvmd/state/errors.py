# SPDX-License-Identifier: MIT
"""What handlers raise instead of an answer."""

from __future__ import annotations


class Refused(Exception):
    """A request is answered with an error code. why: what the log says besides its name."""

    def __init__(self, code: int, why: str = "refused") -> None:
        super().__init__(why)
        self.code = code


class HostFailed(Exception):
    """The host is gone, or there is none; a task that waits is answered PvmHostFail."""
