# SPDX-License-Identifier: MIT
"""Make the first corpus of the fuzz targets from the golden vectors.

Usage: ``corpus.py VECTORS CORPUS``. The input formats are described in the targets.
"""

import io
import json
import struct
import sys
import tarfile
from pathlib import Path

TIDPVMD, SENDER, RECEIVER = 0x80000000, 0x40001, 0x40002
SM_SPAWN, TM_SHARE = 0x80040001, 0x80010041
# Of csrc/wire/moves.h.
TM_FREEZE, TM_THAW, TM_GO, TM_LEAVE = 0x80010053, 0x80010055, 0x80010056, 0x80010058
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


def system(data: bytes) -> bytes:
    """The same message to the receiving task with the tag of a request to a manager."""
    return to_receiver(data)[:20] + struct.pack("!I", SM_SPAWN) + data[24:]


def talk(what: int, peer: int = RECEIVER) -> bytes:
    """What a task says about shared memory."""
    header = struct.pack("!IIIIIIII", 0x10000000, TM_SHARE, 0x7FFFE, 0, 0, 0, 0, 0)
    start = struct.pack("!IIIB3x", TIDPVMD, SENDER, len(header) + 12, 3)
    return start + header + struct.pack("!III", what, peer, 1)


def owned(data: bytes) -> bytes:
    """The same request to the mailbox with its sender as the owner."""
    return data[: HEADER + 4] + struct.pack("!I", SENDER) + data[HEADER + 8 :]


def announced(data: bytes) -> bytes:
    """The same message as a multicast, announced before."""
    body = struct.pack("!III", 2, RECEIVER, RECEIVER + 1)
    header = struct.pack("!IIIIIIII", 0x10000000, 0x8001000E, 0, 0, 0, 0, 0, 0)
    start = struct.pack("!IIIB3x", TIDPVMD, SENDER, len(header) + len(body), 3)
    return start + header + body + struct.pack("!I", SENDER | 0x40000000) + data[4:]


def steps(packets: list[bytes]) -> bytes:
    """Steps of fuzz_network that send packets as they are, from the known host's address."""
    return b"".join(bytes([3, 0]) + struct.pack("!H", len(p)) + p for p in packets if len(p) < 4096)


def network(directory: Path) -> list[bytes]:
    """Inputs of fuzz_network: recorded packets, and links of both kinds in order and not."""
    packets = [data for data in vectors(directory).values() if len(data) > 2 * HEADER]
    whole = [bytes([0, 0x10, place, 3, 0, 20]) for place in range(8)]
    early = [bytes([0, 0, 2, 3, distance, 20]) for distance in (3, 2, 1, 0)]
    parts = [bytes([0, 0x10, 0, flags, 0, 40]) for flags in (1, 0, 0, 2)]
    multicast = [bytes([0, 0x10, 0x40, 3, 0, 20]), bytes([0, 0x10, 3, 3, 0, 200])]
    large = [bytes([0, 0x90, place, 3, 0, 200]) for place in (0, 2, 3)]
    pauses = [bytes([0, 0x10, place, 0x40, 0, 2]) for place in (0, 1)]
    extend = bytes([2, 0, 32, 4, 20, 0, 0, 0])
    listed = bytes([2, 0, 16, 3, 18, 0, 1, 2, 0xF0, 0x0F])
    sending = bytes([5, 9, 0, 5, 255, 1, 6, 1, 6, 2, 6, 0, 4, 255])
    ways = [whole, early, parts, multicast + whole, large, pauses + whole]
    inputs = [b"".join(way) for way in ways]
    inputs += [extend + steps_ + sending + listed for steps_ in inputs]
    inputs += [sending + bytes([7, number]) + one for number in range(5) for one in inputs[:2]]
    return inputs + [steps(packets)]


def record(size: int, kind: int, body: bytes = b"") -> bytes:
    """A record in a ring, of which `size` bytes are told."""
    head = struct.pack("=IHHIIIIII", size, kind, 3, 0, 1, 7, 1, 0, len(body))
    return (head + body)[: max(size, 8)].ljust(size, b"\0") if size < 4096 else head + body


def rings() -> list[bytes]:
    """Inputs of fuzz_ring: records of each kind, whole and not, at both ends of the ring."""
    inline, pad = record(48, 1, bytes(16)), record(24, 3)
    reference = record(40, 2, struct.pack("=II", 2 << 20, 100))
    bad = [record(48, 1, bytes(40)), record(44, 1), record(48, 9), record(0, 3), record(1 << 20, 1)]
    orders = [inline + pad + reference, pad + inline * 3, reference * 2, *bad, inline + bad[0]]
    starts = [(0, 0), (0, 4096), (4096 - 48, 4096), ((1 << 32) - 4096, 96), (0, 5000)]
    inputs = [struct.pack("!BII", 0, 0, len(one)) + one for one in orders]
    for head, tail in starts:
        start = struct.pack("!BII", 0, head, tail)
        inputs += [start + one * (4096 // len(one)) for one in orders if one]
        inputs.append(start + bytes(4096 - 48) + inline)
    return inputs


def archives() -> list[bytes]:
    """Inputs of fuzz_archive: archives as tar writes them, with members of many kinds."""
    inputs = []
    for kind in (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.AREGTYPE):
        for name in (
            "hpvm.tree",
            "a/b/c/kernel.so",
            "./x/",
            "../x",
            "/x",
            f"{'d/' * 60}{'n' * 90}",
        ):
            stream = io.BytesIO()
            with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                member = tarfile.TarInfo(name)
                member.type = kind
                member.size = 700 if member.isreg() else 0
                tar.addfile(member, io.BytesIO(bytes(700)))
                tar.addfile(member, io.BytesIO(bytes(700)))
            whole = stream.getvalue()
            inputs += [b"\1" + whole[:size] for size in (512, 1000, 4096)]
    return inputs


def listings() -> list[bytes]:
    """Inputs of fuzz_listing: lists with lines that are right, and that are nearly."""
    line = "\t".join(["0123456789abcdef" * 4, "16384", "6", "gcc", "-O2 -fPIC", ""])
    good = ["x86-64/linux/generic/kernel.so", "s390x/linux/z15/kernel.so", "source/kernel.tar"]
    bad = ["../a/b/kernel.so", "a/b/kernel.so", "source/a/b/kernel.so", "a/b/c/d/kernel.so", ""]
    texts = ["\n".join(["hpvm.tree 1", *(line + path for path in good)]) + "\n"]
    texts += [f"hpvm.tree 1\n# comment\n\n{line}{path}" for path in good + bad]
    texts += ["hpvm.tree 2\n", "hpvm.tree 1", texts[0].replace("\t", " "), texts[0].upper()]
    return [text.encode() for text in texts]


def hosts_files() -> list[bytes]:
    """Inputs of fuzz_hosts: files that are right, and lines that are not."""
    end = "127.0.0.1 hpvm_host\n"
    lines = [
        "127.0.0.1 localhost", "10.0.0.1\tbigboy sp=2000 cpus=4 ep=$HOME/bin export=/data # big",
        "palm", "300.0.0.1 a", "::1 a", "a_b c", "10.0.0.2 a/b", "10.0.0.3 a ip=1 sp=x cpus=0 foo",
        "10.0.0.1 b\r\n10.0.0.1 b", "x y so=ms so=pw dx=/a lo=me bx=/b id=7 wd=/",
        "1.2.3.4 hpvm_host a",
    ]  # fmt: skip
    texts = [end, "".join(line + "\n" for line in lines) + end, *(f"{one}\n{end}" for one in lines)]
    return [bytes([room]) + text.encode() for text in texts for room in (0, 5, 255)]


def text(word: bytes) -> bytes:
    """A counted string."""
    return struct.pack("!I", len(word) + 1) + word + bytes(4 - len(word) % 4)


def order(tag: int, body: bytes) -> bytes:
    """What the daemon tells a task about a move."""
    header = struct.pack("!IIIIIIII", 0x10000000, tag, 0x7FFFE, 0, 0, 0, 0, 0)
    return struct.pack("!IIIB3x", SENDER, TIDPVMD, HEADER - 16 + len(body), 3) + header + body


def orders(messages: list[bytes]) -> list[bytes]:
    """Inputs of fuzz_orders: orders of each kind between messages, whole and in pieces."""
    way = text(b"127.0.0.1:4000") + text(b"0" * 32)
    settings = struct.pack("!11i", 7, SENDER, *range(9))
    told = [
        order(TM_FREEZE, struct.pack("!ii", 7, 0) + way),
        order(TM_FREEZE, struct.pack("!ii", 7, 1) + way + text(b"/tmp/t40001.img")),
        order(TM_LEAVE, struct.pack("!i", RECEIVER)),
        order(TM_THAW, struct.pack("!i", 7)),
        order(TM_GO, settings + text(b"/tmp/pvmd") + struct.pack("!ii", 0, 0x80000)),
    ]
    streams = [*told, b"".join(told), told[0][: HEADER - 8]]
    streams += [one + each + one for one in messages[:4] for each in told]
    heads = [bytes([how, 0, piece]) for how in range(8) for piece in (3, 47, 255)]
    return [head + stream for head in heads for stream in streams]


def main() -> None:
    """Write one file an input into CORPUS/TARGET."""
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    task, data = vectors(source / "task"), vectors(source / "data")
    assert task and data, f"no vectors in {source}"
    inputs: dict[str, list[bytes]] = {"switch": [], "stream": [], "unpack": []}
    inputs["ring"] = rings()
    inputs |= {"archive": archives(), "listing": listings(), "hosts": hosts_files()}
    inputs["orders"] = orders([to_receiver(one)[:2000] for one in task.values()])
    inputs["network"] = network(source / "daemon")
    words = [talk(what) for what in (1, 2, 3, 4, 5, 6, 9)]
    some = to_receiver(task[min(task)])
    for order in (words, words[::-1], [*words[:2], some, *words[2:]], [talk(2, 0x80000000)]):
        for flags in (1, 65, 67, 69, 73, 89, 97, 193, 195, 197, 217):
            inputs["switch"] += [bytes([flags, 0, size]) + b"".join(order) for size in (20, 59)]
    for name, frames in task.items():
        if name.startswith("db_") and name.endswith("_req"):
            inputs["switch"].append(bytes([1, 0xFF, 0xFF]) + owned(frames) * 2)
        inputs["switch"] += [
            bytes([1, 0xFF, 0xFF]) + frames,
            bytes([0, 0, 20]) + frames,
            bytes([1, 0, 50]) + to_receiver(frames),
            bytes([3, 0xFF, 0xFF]) + announced(frames),
            bytes([9, 0, 200]) + system(frames) + to_receiver(frames),
            bytes([25, 0, 20]) + system(frames) + frames,
            bytes([33, 0xFF, 0xFF]) + system(frames),
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
