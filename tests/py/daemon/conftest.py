# SPDX-License-Identifier: MIT
"""The machine and the task of tests that need no others, and daemons with something changed."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.impostors.rawtask import Connector, RawTask
from support.impostors.target import Target
from support.machines.patched import Patch
from support.machines.sharing import ON
from support.machines.vm import VirtualMachine
from support.system import modules_dir


@pytest.fixture(scope="module")
def vm() -> Iterator[VirtualMachine]:
    """One daemon for the tests of a file, which leave nothing in it."""
    with VirtualMachine("ours", env=ON) as machine:
        yield machine


@pytest.fixture
def task(vm: VirtualMachine, connector: Connector) -> Iterator[RawTask]:
    with RawTask(vm.address, connector) as raw:
        yield raw.enrol(vm.tmp)


@pytest.fixture
def other(vm: VirtualMachine, connector: Connector) -> Iterator[RawTask]:
    """Another task, for tests of two."""
    with RawTask(vm.address, connector) as raw:
        yield raw.enrol(vm.tmp)


@pytest.fixture(scope="module")
def shared_target() -> Iterator[Target]:
    """A daemon that the tests of a file attack."""
    target = Target()
    yield target
    target.close()


@pytest.fixture
def target(shared_target: Target) -> Iterator[Target]:
    """The same, whole before and after a test."""
    shared_target.ensure()
    yield shared_target
    shared_target.check_unharmed()


@pytest.fixture
def patched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patch:
    """Make a daemon that runs this code first; virtual machines are made of it from then on."""

    def make(code: str) -> Path:
        program = tmp_path / "pvmd3"
        program.write_text(
            f"#!{sys.executable}\n"
            f"import os, sys\nsys.path.insert(0, {str(modules_dir())!r})\n"
            "sys.modules['ssl'] = None\n"
            f"{textwrap.dedent(code)}\n"
            "from pvm3py.pvmd.main import main\nsys.exit(main())\n"
        )
        program.chmod(0o700)
        monkeypatch.setattr("support.machines.vm.daemon_program", lambda _side: program)
        return program

    return make
