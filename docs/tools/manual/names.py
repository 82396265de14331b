# SPDX-License-Identifier: MIT
"""Pages of the Python names, from their docstrings; a page for each module that has some."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from .page import Block, blocks_of


@dataclass
class Name:
    """A public name: how it is written, what it is, and the same of what is inside of it."""

    name: str
    signature: str
    text: list[Block]
    members: list[Name] = field(default_factory=list)


@dataclass
class Module:
    """The public names that a module defines."""

    name: str
    summary: str
    text: list[Block]
    names: list[Name] = field(default_factory=list)


def read_package(name: str) -> list[Module]:
    """Modules with the names of the package's __all__, in the order of the modules' names."""
    package = import_module(name)
    modules: dict[str, Module] = {}
    for public in sorted(package.__all__, key=str.lower):
        value = getattr(package, public)
        home = _home(value, name)
        if home not in modules:
            modules[home] = _module(home)
        modules[home].names.append(_name(public, value))
    return [modules[home] for home in sorted(modules)]


def _home(value: Any, package: str) -> str:
    """The module that a value is from; that of a number's or a text's type is no such one."""
    home = str(getattr(value, "__module__", package))
    return home if home.startswith(package.partition(".")[0]) else package


def _module(name: str) -> Module:
    lines = inspect.cleandoc(import_module(name).__doc__ or "").split("\n")
    return Module(name, lines[0].rstrip("."), blocks_of(lines, "python"))


def _name(name: str, value: Any) -> Name:
    text = blocks_of(_doc(value), "python")
    if inspect.isclass(value):
        return Name(name, _class_signature(name, value), text, list(_members(value)))
    if callable(value):
        return Name(name, name + _signature(value), text)
    return Name(name, f"{name} = {value!r}", [])


def _doc(value: Any) -> list[str]:
    """The docstring that a value has itself, and did not inherit."""
    text = getattr(value, "__doc__", None) or ""
    return inspect.cleandoc(text).split("\n") if text else []


def _class_signature(name: str, value: type) -> str:
    if issubclass(value, enum.Enum | BaseException):
        return f"class {name}({value.__mro__[1].__name__})"
    return f"class {name}{_signature(value)}"


class _Bare:
    """A type in a signature, without the quotes that a text has."""

    def __init__(self, annotation: Any) -> None:
        self._text = str(getattr(annotation, "__forward_arg__", annotation))

    def __repr__(self) -> str:
        return self._text


def _signature(value: Any) -> str:
    """Arguments with their types, and of functions the result."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "(...)"
    parameters = [
        one.replace(annotation=_bare(one.annotation)) for one in found.parameters.values()
    ]
    result = inspect.Signature.empty if inspect.isclass(value) else found.return_annotation
    return str(found.replace(parameters=parameters, return_annotation=_bare(result)))


def _bare(annotation: Any) -> Any:
    quoted = isinstance(annotation, str) or hasattr(annotation, "__forward_arg__")
    return _Bare(annotation) if quoted else annotation


def _members(value: type) -> Iterable[Name]:
    """Values of an enumeration, methods and properties of a class."""
    if issubclass(value, enum.Enum):
        for member in value:
            yield Name(member.name, f"{member.name} = {member.value!r}", [])
        return
    for name, member in vars(value).items():
        if name.startswith("_") or not getattr(member, "__doc__", None):
            continue
        if inspect.isfunction(member):
            yield Name(name, name + _signature(member), blocks_of(_doc(member), "python"))
        elif isinstance(member, property):
            yield Name(name, name, blocks_of(_doc(member), "python"))
