# SPDX-License-Identifier: MIT
"""Names of the package: which there are, where they come from, and that they explain themselves."""

from __future__ import annotations

import importlib.util
import inspect
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.programs import face_types
from support.system import missing, modules_dir

import pvm3py
from pvm3py import classic, task
from pvm3py.binding import errors
from pvm3py.binding.enums import Code

CLASSES = [getattr(errors, name) for name in errors.__all__]


def public(owner: type) -> list[tuple[str, Any]]:
    return [(n, v) for n, v in vars(owner).items() if not n.startswith("_") and not n.isupper()]


def test_package_lists_the_face_and_nothing_else() -> None:
    listed = {name for name in dir(pvm3py) if not name.startswith("__")}
    assert listed == set(task.__all__)
    assert all(getattr(pvm3py, name) is getattr(task, name) for name in task.__all__)


@pytest.mark.parametrize("name", task.__all__)
def test_public_name_and_its_methods_explain_themselves(name: str) -> None:
    thing = getattr(task, name)
    if isinstance(thing, int):
        return
    assert len(inspect.getdoc(thing) or "") > 10, name
    if not inspect.isclass(thing):
        return
    for method, value in public(thing):
        function = value.fget if isinstance(value, property) else value
        if inspect.isfunction(function):
            assert inspect.getdoc(function), f"{name}.{method} has no docstring"
            assert "return" in function.__annotations__, f"{name}.{method} is not typed"


def test_flat_name_of_release_0_1_goes_on_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match=r"pvm3py\.classic\.mytid") as caught:
        assert pvm3py.mytid is classic.mytid  # type: ignore[attr-defined]
    assert caught[0].filename == __file__
    with pytest.raises(AttributeError, match="no_such_name"):
        pvm3py.no_such_name  # type: ignore[attr-defined]  # noqa: B018


def test_each_classic_function_has_its_c_name() -> None:
    assert classic.pvm_recv is classic.recv
    with pytest.raises(AttributeError):
        classic.pvm_nonsense  # noqa: B018


def test_each_code_has_an_error_class_of_its_own() -> None:
    by_code = {}
    for code in Code:
        with pytest.raises(errors.PvmError) as caught:
            errors.check("call", int(code), "from t40001")
        assert caught.value.code is code and "from t40001" in str(caught.value)
        by_code[code] = type(caught.value)
    assert len(set(by_code.values())) == len(Code) and errors.PvmError not in by_code.values()


@pytest.mark.parametrize("kind", CLASSES, ids=[kind.__name__ for kind in CLASSES])
def test_error_goes_through_pickle_as_it_is(kind: type[errors.PvmError]) -> None:
    if kind is errors.SpawnError:
        error: errors.PvmError = errors.SpawnError(-7, "No such file", [1], [-7])
    else:
        error = kind(-7, "call", "text", "to t40001")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and str(again) == str(error)
    assert (again.code, again.function, again.peer) == (error.code, error.function, error.peer)


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        ("BadParam", ValueError),
        ("Overflow", OverflowError),
        ("NoData", EOFError),
        ("NoHost", LookupError),
        ("NoTask", errors.NotFound),
        ("Denied", PermissionError),
        ("NoMem", MemoryError),
        ("ConnectionLost", ConnectionError),
        ("Timeout", TimeoutError),
    ],
)
def test_error_is_one_of_pythons_where_it_fits(kind: str, base: type) -> None:
    assert issubclass(getattr(pvm3py, kind), base)


def test_import_loads_neither_the_library_nor_numpy_nor_asyncio() -> None:
    code = """
import sys
import pvm3py
unwanted = {"numpy", "asyncio", "concurrent.futures", "pvm3py._task", "pvm3py.task"}
loaded = unwanted & set(sys.modules)
assert not loaded, loaded
pvm3py.Task
loaded = {"numpy", "asyncio", "multiprocessing"} & set(sys.modules)
assert not loaded, loaded
"""
    env = {"PYTHONPATH": str(modules_dir())}
    subprocess.run([sys.executable, "-S", "-c", code], cwd="/", env=env, check=True)


def checked(file: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """What mypy says of a program that uses the package as it is installed."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={cache}"]
    env = {**os.environ, "MYPYPATH": str(modules_dir())}
    return subprocess.run([*command, file], env=env, capture_output=True, text=True, cwd=cache)


def test_types_of_the_interface_are_those_that_are_promised(tmp_path: Path) -> None:
    """Tests of tests/py/support/programs/face_types.py, of which none may be wrong."""
    if importlib.util.find_spec("mypy") is None:
        missing("mypy: `make build/stamps/venv-test` brings it")
    file = tmp_path / "face_types.py"
    shutil.copy(face_types.__file__, file)
    done = checked(file, tmp_path)
    assert "face_types.py" not in done.stdout, done.stdout
    assert not done.stderr
    file.write_text(file.read_text().replace("me.host, HostInfo", "me.host, TaskInfo"))
    assert 'Expression is of type "HostInfo"' in checked(file, tmp_path).stdout
