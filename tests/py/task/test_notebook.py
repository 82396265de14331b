# SPDX-License-Identifier: MIT
"""The Python face in a Jupyter kernel, which has an event loop and output of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.machines.private import nothing_left
from support.programs import notebook
from support.system import PATIENCE, PROJECT, modules_dir


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """Nothing stays after a test."""
    with nothing_left():
        yield


def run(tmp: Path, cells: list[str]) -> list[dict[str, Any]]:
    """What the cells show, none of which has failed."""
    # A kernel that knows of pytest leaves the descriptor of standard output alone.
    ours = ("PVM", "PYTEST")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    env |= {"PVM_TMP": str(tmp), "PVM_ALLOW_ROOT": "1", "PYTHONPATH": str(modules_dir())}
    env |= {name: str(tmp) for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR")}
    done = subprocess.run(
        [sys.executable, notebook.__file__, str(tmp)],
        input=json.dumps(cells),
        cwd=tmp,
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    shown: list[dict[str, Any]] = json.loads(done.stdout)
    assert [one["error"] for one in shown] == [[]] * len(cells)
    return shown


def test_every_cell_of_the_tour_shows_in_a_kernel_what_it_does_in_the_file(tmp_path: Path) -> None:
    cells = json.loads((PROJECT / "examples" / "tour.ipynb").read_text())["cells"]
    cells = [cell for cell in cells if cell["cell_type"] == "code"]
    shown = run(tmp_path, ["".join(cell["source"]) for cell in cells])
    for cell, one in zip(cells, shown, strict=True):
        streams = [part for part in cell["outputs"] if part["output_type"] == "stream"]
        assert one["text"] == "".join("".join(part["text"]) for part in streams)


def test_machine_hosts_and_tasks_are_tables(tmp_path: Path) -> None:
    *_, machine, hosts, tasks, end = run(
        tmp_path,
        [
            "from pvm3py import VirtualMachine; m = VirtualMachine().__enter__(); m.task.tid;",
            "m",
            "m.hosts",
            "m.tasks",
            "m.__exit__(None, None, None)",
        ],
    )
    for one in (machine, hosts, tasks):
        assert one["html"] and "<table" in one["html"][0], one
    assert not end["html"]


def test_output_of_tasks_is_shown_and_halt_spares_the_kernel(tmp_path: Path) -> None:
    *_, printed, _, after = run(
        tmp_path,
        [
            "import sys\nfrom pvm3py import Task, VirtualMachine, classic\n"
            "m = VirtualMachine(); task = m.__enter__().task",
            "classic.catchout(sys.stdout)",
            "tids = task.spawn('/bin/echo', 'said by a task', output=sys.stdout)\n"
            "while any(tid.alive() for tid in tids): pass\n"
            "task.probe(timeout=0.1)\n"
            "task.leave()",
            "m.halt()",
            "print('alive')",
        ],
    )
    assert "said by a task" in printed["text"]
    assert after["text"] == "alive\n"


def test_cells_await_messages_in_the_loop_of_the_kernel(tmp_path: Path) -> None:
    *_, last = run(
        tmp_path,
        [
            "import asyncio\nfrom pvm3py import VirtualMachine, aio\n"
            "m = VirtualMachine().__enter__()",
            "task = await aio.Task().__aenter__()\n"
            "later = asyncio.get_running_loop().create_task(task.recv(tag=5))",
            "await task.send('sent in another cell', task.tid, 5)",
            "print(await later)\nawait task.__aexit__()\nm.__exit__(None, None, None)",
        ],
    )
    assert last["text"] == "sent in another cell\n"
