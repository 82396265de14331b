# SPDX-License-Identifier: MIT
"""Programs of several languages image themselves at random instants, and go on elsewhere.

Each of them checks all its work. PVM3PY_IMAGES is how many images are made and restarted of each
(15).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from support.images import restarts

IMAGES = int(os.environ.get("PVM3PY_IMAGES", "15"))
SEED = int(os.environ.get("PVM3PY_IMAGES_SEED") or random.randrange(1 << 30))
# Images that one run of a program leaves.
BATCH = 20

PROGRAMS: dict[str, Callable[[], list[object]]] = {
    "position-independent": lambda: [restarts.c_program("image_worker", "-pie", "-fPIE")],
    "fixed": lambda: [restarts.c_program("image_worker", "-no-pie", "-fno-pie")],
    "static": lambda: [restarts.c_program("image_worker", "-static")],
    "static-pie": lambda: [restarts.c_program("image_worker", "-static-pie", "-fPIE")],
    "musl": lambda: [restarts.foreign_program("image_worker", "musl-gcc", "musl-tools")],
    "C++": lambda: [restarts.c_program("image_thrown")],
    "Fortran": lambda: [restarts.fortran_program("image_worker")],
    "Python": lambda: [*restarts.python_worker()],
}


def images_of(name: str, prefix: Path, count: int, seed: int, **settings: object) -> None:
    """Have a program image itself so often; it ends well."""
    span = 20000 if name == "Python" else 3000
    command = PROGRAMS[name]()
    ended = restarts.run(command, prefix=prefix, count=count, seed=seed, span=span, **settings)
    assert (ended.status, ended.output) == (0, "right, restarted 0\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_images_of_random_instants_go_on_in_other_namespaces(name: str, tmp_path: Path) -> None:
    restarts.require_restarter()
    restarts.require_namespaces()
    print("seed", SEED)
    for first in range(0, IMAGES, BATCH):
        count = min(BATCH, IMAGES - first)
        images_of(name, tmp_path / "image", count, SEED + first)
        for n in range(count):
            ended = restarts.restart(tmp_path / f"image{n}", before=restarts.NAMESPACES)
            assert (ended.status, ended.output, ended.report) == (
                0,
                "right, restarted 1\n",
                "ready\n",
            ), f"image {n} of seed {SEED + first}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_image_goes_on_with_restarter_at_lowest_addresses(name: str, tmp_path: Path) -> None:
    restarts.require_restarter()
    images_of(name, tmp_path / "image", 1, 1)
    ended = restarts.restart(tmp_path / "image0", low=True)
    assert (ended.status, ended.output) == (0, "right, restarted 1\n"), ended.report


@pytest.mark.parametrize("name", PROGRAMS)
def test_restarted_process_is_imaged_and_restarted_again(name: str, tmp_path: Path) -> None:
    restarts.require_restarter()
    images_of(name, tmp_path / "image", 1, 2, again=1)
    first = restarts.restart(tmp_path / "image0")
    assert (first.status, first.output) == (0, "right, restarted 1\n"), first.report
    second = restarts.restart(tmp_path / "imageagain0")
    assert (second.status, second.output) == (0, "right, restarted 2\n"), second.report


@pytest.mark.parametrize("name", PROGRAMS)
def test_image_with_all_files_in_it_goes_on(name: str, tmp_path: Path) -> None:
    restarts.require_restarter()
    images_of(name, tmp_path / "image", 1, 3, how=2)
    ended = restarts.restart(tmp_path / "image0")
    assert (ended.status, ended.output) == (0, "right, restarted 1\n"), ended.report
