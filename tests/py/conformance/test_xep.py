# SPDX-License-Identifier: MIT
"""PVM's example xep draws the Mandelbrot set, which its workers compute, in a window."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import compiler
from support.machines.vm import VirtualMachine, wait_until
from support.screens.screen import Screen, Window
from support.system import PATIENCE, SIDES, VECTORS, Side

BLACK, WHITE = 0, 0xFFFFFF


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    with Screen(tmp_path_factory.mktemp("screen")) as made:
        yield made


def picture_of(screen: Screen) -> Window | None:
    """The part of xep's window that shows the picture, if the window is there."""
    windows = screen.windows()
    outer = [w for w in windows if w.name == "xep"]
    inner = [w for w in windows if (w.width, w.height) == (200, 200)]
    return inner[0] if outer and inner else None


def digest(pixels: list[int]) -> str:
    return hashlib.sha256(b"".join(p.to_bytes(3, "big") for p in pixels)).hexdigest()


def drawn(screen: Screen, vm: VirtualMachine, programs: Path, wanted: str) -> list[int]:
    """Start xep, wait until its picture is the wanted one, and end it; the picture."""
    xep = vm.start(programs / "xep", env={"DISPLAY": screen.display})
    window = wait_until(lambda: picture_of(screen), "xep's window is on the screen")
    wait_until(lambda: digest(screen.pixels(window)) == wanted, "the whole picture is drawn")
    pixels = screen.pixels(window)
    assert len(vm.running("mtile")) == 1
    xep.terminate()
    xep.wait(PATIENCE)
    wait_until(lambda: not picture_of(screen), "the window is gone")
    return pixels


@pytest.mark.parametrize("library", SIDES)
@pytest.mark.parametrize("daemon", SIDES)
def test_picture_is_the_one_of_the_original(screen: Screen, daemon: Side, library: Side) -> None:
    recorded = json.loads((VECTORS / "examples" / "xep.json").read_text())
    programs = compiler.installed_examples(library)
    with VirtualMachine(daemon, path=[programs]) as vm:
        pixels = drawn(screen, vm, programs, recorded["sha256"])
    colours = Counter(pixels)
    assert len(colours) == recorded["colours"] > 100
    assert pixels[100 * 200 + 90] == BLACK  # a point of the set
    assert pixels[2 * 200 + 2] == WHITE  # a corner, outside of the circle that is computed
