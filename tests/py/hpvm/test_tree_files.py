# SPDX-License-Identifier: MIT
"""Reading kernel trees: what is refused, with which words, and what is read."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.programs import kernels
from support.system import C_SOURCES

from pvm3py._hpvm import ffi, lib
from pvm3py.hpvm.trees import HpvmError, Traits, Tree

GENERIC = "x86-64/linux/generic"
HASH = "0" * 64


def sha256(data: bytes) -> str:
    """What the library says."""
    out = ffi.new("unsigned char[32]")
    lib.hpvm_sha256(data, len(data), out)
    return bytes(ffi.buffer(out)).hex()


# ---- SHA-256


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (b"a" * 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ],
)
def test_hash_of_the_examples_of_the_standard(data: bytes, digest: str) -> None:
    assert sha256(data) == digest


def test_hash_of_every_length_up_to_three_blocks() -> None:
    data = random.Random(1).randbytes(200)
    for n in range(len(data)):
        assert sha256(data[:n]) == hashlib.sha256(data[:n]).hexdigest(), n


# ---- trees


@pytest.fixture(name="kernel")
def _kernel() -> Path:
    return kernels.kernel(C_SOURCES / "hpvm_mandelbrot.c")


@pytest.fixture(name="tree")
def _tree(kernel: Path, tmp_path: Path) -> Path:
    places = {GENERIC: kernel, "x86-64/linux/x86-64-v2": kernel}
    return kernels.make_tree(tmp_path / "x.kernels", places)


def packed(tree: Path, *, change: Callable[[tarfile.TarInfo], None] | None = None) -> Path:
    """The tree in one file; change: what is done to each member before."""
    target = tree.with_name("x.hpvm")
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(path for path in tree.rglob("*") if path.is_file()):
            member = tar.gettarinfo(path, str(path.relative_to(tree)))
            if change:
                change(member)
            tar.addfile(member, io.BytesIO(path.read_bytes()))
    return target


def refusal(tree: Path) -> str:
    """Why a tree is not opened, without the name of its directory."""
    with pytest.raises(HpvmError) as caught:
        Tree(str(tree))
    return str(caught.value).replace(f"{tree.parent}/", "")


@pytest.mark.parametrize("form", ["directory", "file"])
def test_tree_has_what_is_listed(tree: Path, kernel: Path, form: str) -> None:
    (tree / "unlisted").write_text("no part of it")
    with Tree(str(tree if form == "directory" else packed(tree))) as opened:
        files = list(opened)
        assert [file.level for file in files] == ["generic", "x86-64-v2"]
        assert {file.data for file in files} == {kernel.read_bytes()}
        assert {file.argtype for file in files} == {kernels.LONG}
        chosen = opened.select(Traits("x86-64", "linux", ("x86-64-v3", "x86-64-v2")))
        assert chosen is not None and chosen.level == "x86-64-v2"


@pytest.mark.parametrize("form", ["directory", "file"])
def test_tree_that_was_replaced_is_not_current(tree: Path, form: str) -> None:
    place = tree if form == "directory" else packed(tree)
    with Tree(str(place)) as opened:
        assert opened.is_current()
        changed = tree / "hpvm.tree" if form == "directory" else place
        fresh = changed.with_name("fresh")
        fresh.write_bytes(changed.read_bytes())
        fresh.replace(changed)
        assert not opened.is_current()
        changed.unlink()
        assert not opened.is_current()


def test_archive_of_a_directory_by_its_dot_is_read(tree: Path) -> None:
    def with_dot(member: tarfile.TarInfo) -> None:
        member.name = f"./{member.name}"

    with Tree(str(packed(tree, change=with_dot))) as opened:
        assert len(list(opened)) == 2


def test_missing_tree_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert refusal(missing) == f'no kernel tree "{missing.name}": No such file or directory'


def test_empty_name_is_the_environment_or_the_program(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPVM_KERNELS", str(tree))
    with Tree("") as opened:
        assert opened.name == str(tree)
    monkeypatch.delenv("HPVM_KERNELS")
    with pytest.raises(HpvmError, match=r"no kernel tree .*python.*\.kernels or .*\.hpvm"):
        Tree("")


# What is done to the tree, and what is said of it.
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no list": (
        lambda t: (t / "hpvm.tree").unlink(),
        "x.kernels/hpvm.tree: No such file or directory",
    ),
    "kernel missing": (
        lambda t: (t / GENERIC / "kernel.so").unlink(),
        f"x.kernels/{GENERIC}/kernel.so: No such file or directory",
    ),
    "list writable by others": (
        lambda t: (t / "hpvm.tree").chmod(0o666),
        "x.kernels/hpvm.tree: can be written by others",
    ),
    "kernel writable by the group": (
        lambda t: (t / GENERIC / "kernel.so").chmod(0o664),
        f"x.kernels/{GENERIC}/kernel.so: can be written by others",
    ),
    "directory writable by others": (
        lambda t: (t / "x86-64").chmod(0o777),
        f"x.kernels/{GENERIC}/kernel.so: can be written by others",
    ),
    "kernel is a link": (
        lambda t: relink(t / GENERIC / "kernel.so"),
        f"x.kernels/{GENERIC}/kernel.so: is a link",
    ),
    "kernel is a directory": (
        lambda t: ((t / GENERIC / "kernel.so").unlink(), (t / GENERIC / "kernel.so").mkdir()),
        f"x.kernels/{GENERIC}/kernel.so: is no regular file",
    ),
    "other content": (
        lambda t: flip(t / GENERIC / "kernel.so"),
        f"x.kernels/{GENERIC}/kernel.so is not the file that hpvm.tree lists: run hpvm-build again",
    ),
    "longer": (
        lambda t: (t / GENERIC / "kernel.so").open("ab").write(b"x"),
        f"x.kernels/{GENERIC}/kernel.so is not the file that hpvm.tree lists: run hpvm-build again",
    ),
    "other architecture": (
        lambda t: flip(t / GENERIC / "kernel.so", at=18, to=183),
        f"x.kernels/{GENERIC}/kernel.so is an aarch64 file",
    ),
    "no ELF": (
        lambda t: flip(t / GENERIC / "kernel.so", at=1),
        f"x.kernels/{GENERIC}/kernel.so is no shared object",
    ),
    "no generic": (
        lambda t: edit(t, "generic", "x86-64-v3"),
        "x.kernels/x86-64/linux has no level generic",
    ),
    "empty list": (
        lambda t: (t / "hpvm.tree").write_text("hpvm.tree 1\n# nothing\n\n"),
        "x.kernels/hpvm.tree lists no kernel",
    ),
    "other version": (
        lambda t: edit(t, "hpvm.tree 1", "hpvm.tree 2"),
        'x.kernels/hpvm.tree line 1: this is not "hpvm.tree 1": '
        "another version of hpvm-build made it",
    ),
    "NUL": (
        lambda t: edit(t, "cc", "c\0c"),
        "x.kernels/hpvm.tree line 2: this is no line of text",
    ),
    "blanks for tabs": (
        lambda t: edit(t, "\t", " "),
        "x.kernels/hpvm.tree line 2: a kernel has six fields with a tab between them",
    ),
    "no hash": (
        lambda t: rewrite(t, "xyz\t9\t6\tcc\t-\tx86-64/linux/generic/kernel.so"),
        "x.kernels/hpvm.tree line 2: the first field is no SHA-256",
    ),
    "size 0": (
        lambda t: rewrite(t, f"{HASH}\t0\t6\tcc\t-\tx86-64/linux/generic/kernel.so"),
        "x.kernels/hpvm.tree line 2: the size is no number from 1 to 67108864",
    ),
    "size over 64 MiB": (
        lambda t: rewrite(t, f"{HASH}\t67108865\t6\tcc\t-\tx86-64/linux/generic/kernel.so"),
        "x.kernels/hpvm.tree line 2: the size is no number from 1 to 67108864",
    ),
    "argument type": (
        lambda t: rewrite(t, f"{HASH}\t9\tlong\tcc\t-\tx86-64/linux/generic/kernel.so"),
        "x.kernels/hpvm.tree line 2: the argument type is no number",
    ),
    "path up": (
        lambda t: rewrite(t, f"{HASH}\t9\t6\tcc\t-\t../linux/generic/kernel.so"),
        "x.kernels/hpvm.tree line 2: the path is not ARCH/OS/LEVEL/kernel.so",
    ),
    "absolute path": (
        lambda t: rewrite(t, f"{HASH}\t9\t6\tcc\t-\t/x86-64/linux/generic/kernel.so"),
        "x.kernels/hpvm.tree line 2: the path is not ARCH/OS/LEVEL/kernel.so",
    ),
    "twice": (
        lambda t: edit(t, "x86-64-v2", "generic"),
        "x.kernels/hpvm.tree line 3: this path is listed twice",
    ),
    "too many": (
        lambda t: rewrite(t, *(f"{HASH}\t9\t6\tcc\t-\ta/linux/l{i}/kernel.so" for i in range(513))),
        "x.kernels/hpvm.tree line 514: there are more than 512 kernels",
    ),
}


def flip(path: Path, at: int = -1, to: int | None = None) -> None:
    """Change a byte of a file."""
    data = bytearray(path.read_bytes())
    data[at] = data[at] ^ 1 if to is None else to
    path.write_bytes(data)


def relink(path: Path) -> None:
    """The file is a link to itself under another name."""
    path.rename(path.with_name("other.so"))
    path.symlink_to("other.so")


def edit(tree: Path, old: str, new: str) -> None:
    """Change the list."""
    (tree / "hpvm.tree").write_text((tree / "hpvm.tree").read_text().replace(old, new))


def rewrite(tree: Path, *lines: str) -> None:
    """Another list."""
    (tree / "hpvm.tree").write_text("\n".join(["hpvm.tree 1", *lines]) + "\n")


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_tree_is_refused(tree: Path, damage: str) -> None:
    change, said = DAMAGE[damage]
    change(tree)
    assert refusal(tree) == said


# ---- archives


def test_archive_that_is_cut_off_anywhere_is_refused(tree: Path) -> None:
    whole = packed(tree)
    data = whole.read_bytes()
    with tarfile.open(whole) as tar:
        last = max(member.offset_data + member.size for member in tar)
    for size in {0, 100, 511, 512, 513, 1024, 3000, last - 1, last}:
        whole.write_bytes(data[:size])
        assert refusal(whole) == "x.hpvm is cut off", size


ARCHIVES: dict[str, tuple[dict[str, object], str]] = {
    "up": ({"name": "x86-64/../../kernel.so"}, "x.hpvm holds a name that leads out of it"),
    "dots": ({"name": ".."}, "x.hpvm holds a name that leads out of it"),
    "link": (
        {"type": tarfile.SYMTYPE, "size": 0, "linkname": "/etc/passwd"},
        "x.hpvm holds something else than files and directories",
    ),
    "device": (
        {"type": tarfile.CHRTYPE, "size": 0},
        "x.hpvm holds something else than files and directories",
    ),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_archive_with_a_strange_member_is_refused(tree: Path, case: str) -> None:
    attributes, said = ARCHIVES[case]

    def change(member: tarfile.TarInfo) -> None:
        if member.name == f"{GENERIC}/kernel.so":
            for name, value in attributes.items():
                setattr(member, name, value)

    assert refusal(packed(tree, change=change)) == said


def test_absolute_name_in_an_archive_is_refused(tree: Path) -> None:
    place = packed(tree)
    data = bytearray(place.read_bytes())
    data[0:10] = b"/etc/passw"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    place.write_bytes(data)
    assert refusal(place) == "x.hpvm holds a name that leads out of it"


def test_archive_with_a_wrong_sum_is_refused(tree: Path) -> None:
    place = packed(tree)
    flip(place, at=0, to=ord("H"))
    assert refusal(place) == "x.hpvm has a header with a wrong sum"


def test_file_that_is_no_archive_is_refused(tree: Path) -> None:
    place = tree.with_name("x.hpvm")
    place.write_bytes(b"\x7fELF" * 500)
    assert refusal(place) == "x.hpvm is no ustar archive"


def test_member_that_is_there_twice_is_refused(tree: Path) -> None:
    place = packed(tree)
    with tarfile.open(place, "a", format=tarfile.USTAR_FORMAT) as tar:
        tar.add(tree / "hpvm.tree", "hpvm.tree")
    assert refusal(place) == "x.hpvm holds hpvm.tree twice"


def test_archive_writable_by_others_is_refused(tree: Path) -> None:
    place = packed(tree)
    place.chmod(0o646)
    assert refusal(place) == "x.hpvm can be written by others"
