# SPDX-License-Identifier: MIT
"""Mappings of what the daemon says."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Asked(Mapping[_Key, _Value]):
    """A mapping of what the daemon says at each access; `items` and `values` ask once."""

    def snapshot(self) -> dict[_Key, _Value]:
        """All of it as it is now."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[_Key]:
        return iter(self.snapshot())

    def items(self) -> ItemsView[_Key, _Value]:
        """Names and values as they are now."""
        return self.snapshot().items()

    def values(self) -> ValuesView[_Value]:
        """The values as they are now."""
        return self.snapshot().values()
