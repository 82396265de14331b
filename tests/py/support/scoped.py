# SPDX-License-Identifier: MIT
"""What a `with` block gives back at its end."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Scoped:
    """A resource for a `with` block; the subclass says in `leave` how it is given back."""

    def leave(self, failed: bool) -> None:
        """Give everything back; `failed` tells that the block ended by an exception."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave(kind is not None)
