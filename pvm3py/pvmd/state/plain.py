# SPDX-License-Identifier: MIT
"""Plain: classes that hold values, declared like dataclasses but made in a tenth of the time.

    class Order(Plain):
        hoster: int
        names: list[str] = field(factory=list)

The daemon's start is the sooner: module dataclasses and what it needs take 10 ms to load. Fields
are not inherited: derive from Plain itself only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

Value = TypeVar("Value")


class _Made:
    """A default value that is made anew for each instance."""

    def __init__(self, factory: Callable[[], Any]) -> None:
        self.factory = factory


def field(*, factory: Callable[[], Value]) -> Value:
    """As the default of a field: what `factory` returns."""
    return _Made(factory)  # type: ignore[return-value]


@dataclass_transform(eq_default=False, field_specifiers=(field,))
class _Fields(type):
    """Makes the annotated names of a class its slots."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _Fields:
        fields = tuple(namespace.get("__annotations__", ()))
        defaults = {field: namespace.pop(field) for field in fields if field in namespace}
        namespace |= {"__slots__": fields, "_defaults": defaults}
        return super().__new__(mcs, name, bases, namespace)


class Plain(metaclass=_Fields):
    """Base of classes whose instances are their fields, and equal only to themselves."""

    def __init__(self, *values: Any, **named: Any) -> None:
        """The first instance of a class has its real __init__ written, which takes over."""
        initialise = _initialiser(type(self))
        type(self).__init__ = initialise  # type: ignore[method-assign]
        initialise(self, *values, **named)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in _names(type(self)))
        return f"{type(self).__name__}({fields})"


def _names(cls: type[Plain]) -> tuple[str, ...]:
    """The fields of a class."""
    names: tuple[str, ...] = cls.__slots__  # type: ignore[attr-defined]
    return names


def _initialiser(cls: type[Plain]) -> Callable[..., None]:
    """The __init__ of a class, with its fields as parameters."""
    defaults: dict[str, Any] = cls._defaults  # type: ignore[attr-defined]
    scope = {f"_{name}": value for name, value in defaults.items()}
    parameters, lines = ["self"], []
    for name in _names(cls):
        parameters.append(f"{name}=_{name}" if name in defaults else name)
        fresh = isinstance(defaults.get(name), _Made)
        value = f"_{name}.factory() if {name} is _{name} else {name}" if fresh else name
        lines.append(f"    self.{name} = {value}\n")
    exec(f"def __init__({', '.join(parameters)}):\n{''.join(lines)}", scope)
    result: Callable[..., None] = scope["__init__"]
    return result
