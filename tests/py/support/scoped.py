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

    def story(self) -> str:
        """What an error that ends the block is to tell besides."""
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error and (story := self.story()):
            error.add_note(story)
        self.leave(kind is not None)
