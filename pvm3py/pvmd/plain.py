# SPDX-License-Identifier: MIT
"""Classes that only hold values, made quickly: a daemon is up the sooner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Class = TypeVar("Class")


@dataclass_transform(eq_default=False, field_specifiers=(field,))
def plain(cls: type[Class]) -> type[Class]:
    """A dataclass with slots whose instances are equal only to themselves.

    Making the methods that nobody calls would take longer than the rest of the class.
    """
    return dataclass(slots=True, eq=False, repr=False, match_args=False)(cls)
