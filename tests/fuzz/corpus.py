# SPDX-License-Identifier: MIT
"""Make the first corpus of the fuzz targets from the golden vectors.

Usage: ``corpus.py VECTORS CORPUS``. The input formats are described in the targets.
"""

import json
import struct
import sys
from pathlib import Path

TIDPVMD, SENDER, RECEIVER = 0x80000000, 0x40001, 0x40002
HEADER = 48
# Every unpack call once, then strings and bytes (see unpack_all.h).
PLAN = bytes([3, 1, 0, 1, 8, 1, 0, 1, 11, 3, 2, 0, 1, 13, 1, 11, 12, 2, 0, 60, 0, 1, 15])


def vectors(directory: Path) -> dict[str, bytes]:
    """Name and bytes of the vectors in a directory; bodies of several fragments joined."""
    found = {}
    for path in sorted(directory.glob("*.json")):
        text = json.loads(path.read_text()).get("hex", "")
        if isinstance(text, list):
            text = "".join(text)
        if len(text) > 2 * HEADER:
            found[path.stem] = bytes.fromhex(text)
    return found


def to_receiver(data: bytes) -> bytes:
    """The same message with the receiving task as destination."""
    return struct.pack("!I", RECEIVER) + data[4:]


def owned(data: bytes) -> bytes:
    """The same request to the mailbox with its sender as the owner."""
    return data[: HEADER + 4] + struct.pack("!I", SENDER) + data[HEADER + 8 :]


def announced(data: bytes) -> bytes:
    """The same message as a multicast, announced before."""
    body = struct.pack("!III", 2, RECEIVER, RECEIVER + 1)
    header = struct.pack("!IIIIIIII", 0x10000000, 0x8001000E, 0, 0, 0, 0, 0, 0)
    start = struct.pack("!IIIB3x", TIDPVMD, SENDER, len(header) + len(body), 3)
    return start + header + body + struct.pack("!I", SENDER | 0x40000000) + data[4:]


def main() -> None:
    """Write one file an input into CORPUS/TARGET."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    task, data = vectors(source / "task"), vectors(source / "data")
    assert task and data, f"no vectors in {source}"
    inputs: dict[str, list[bytes]] = {"switch": [], "stream": [], "unpack": []}
    for name, frames in task.items():
        if name.startswith("db_") and name.endswith("_req"):
            inputs["switch"].append(bytes([1, 0xFF, 0xFF]) + owned(frames) * 2)
        inputs["switch"] += [
            bytes([1, 0xFF, 0xFF]) + frames,
            bytes([0, 0, 20]) + frames,
            bytes([1, 0, 50]) + to_receiver(frames),
            bytes([3, 0xFF, 0xFF]) + announced(frames),
        ]
    for frames in (task | data).values():
        inputs["stream"] += [
            bytes([len(PLAN), 0xFF, 0xFF]) + PLAN + frames[:60000],
            bytes([len(PLAN), 0, 30]) + PLAN + frames[:2000],
        ]
        body = frames[HEADER:60000]
        for encoding in range(3):
            inputs["unpack"].append(bytes([encoding, len(PLAN), 0, 21]) + PLAN + body)
    for name, items in inputs.items():
        directory = target / name
        directory.mkdir(parents=True, exist_ok=True)
        for number, item in enumerate(items):
            (directory / f"vector{number:04}").write_bytes(item)


if __name__ == "__main__":
    main()
