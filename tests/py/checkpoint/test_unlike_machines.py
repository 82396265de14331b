# SPDX-License-Identifier: MIT
"""Images of another processor: qemu plays the machine to which they come.

The processor is what is looked at first. Where it does, the kernel is refused next, for qemu has
other areas of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from support.images import records, restarts
from support.system import require_program

FITS = "the kernel here, not"
STATE = "the vector state here is another"
LACKS = "the processor here lacks a feature"
# Where the header has xcr0 and the size of the vector state.
AT_STATE = 40
SSE, AVX, AVX512 = (3, 576), (7, 832), (0xE7, 2432)


@pytest.fixture(scope="module")
def image_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], bytes]:
    """A function that makes the image of a process which keeps to a level of x86-64."""
    restarts.require_restarter()
    require_program("qemu-x86_64-static", "qemu-user-static")
    place = tmp_path_factory.mktemp("unlike")

    def make(level: int) -> bytes:
        path = place / f"image{level}"
        if not path.exists():
            program = restarts.c_program("image_state")
            ended = restarts.run([program, "masks", path], level=level)
            assert ended.status == 0, ended.output
        return path.read_bytes()

    return make


def with_state(image: bytes, state: tuple[int, int]) -> bytes:
    """The same of a processor with this vector state."""
    header = bytearray(image[: records.HEADER_BYTES])
    header[AT_STATE : AT_STATE + 12] = struct.pack("=QI", *state)
    header[16:20] = bytes(4)
    header[16:20] = struct.pack("=I", records.crc32c(bytes(header)))
    return bytes(header) + image[records.HEADER_BYTES :]


@pytest.mark.parametrize(
    ("processor", "level", "state", "said"),
    [
        ("Nehalem", 0, AVX512, LACKS),
        ("Nehalem", 2, AVX512, LACKS),
        ("Nehalem,+xsave", 3, AVX, LACKS),
        ("Nehalem,+xsave", 2, AVX512, FITS),
        ("Nehalem,+xsave", 1, AVX, FITS),
        ("Haswell", 2, SSE, STATE),
        ("Haswell", 2, AVX, FITS),
        ("Haswell", 2, AVX512, FITS),
        ("Haswell", 3, AVX, FITS),
        ("Haswell", 3, AVX512, STATE),
    ],
)
def test_processor_takes_what_it_has(
    image_of: Callable[[int], bytes],
    processor: str,
    level: int,
    state: tuple[int, int],
    said: str,
    tmp_path: Path,
) -> None:
    path = tmp_path / "image"
    path.write_bytes(with_state(image_of(level), state))
    emulated = ["setarch", "-R", "qemu-x86_64-static", "-cpu", processor]
    ended = restarts.restart(path, before=emulated, low=True, only_check=True)
    assert ended.status == 1
    assert said in ended.report


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_image_of_a_level_goes_on_where_all_features_are(
    image_of: Callable[[int], bytes], level: int, tmp_path: Path
) -> None:
    path = tmp_path / "image"
    path.write_bytes(image_of(level))
    assert restarts.restart(path, only_check=True) == restarts.Ended(0, "", "right\n")
