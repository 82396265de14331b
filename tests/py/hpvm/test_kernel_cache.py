# SPDX-License-Identifier: MIT
"""The client's cache of kernels: what is kept, what is believed, what goes."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest
from support.programs.treehosts import KINDS, Host
from support.system import missing, require_program

LIMIT = 256 << 20


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    path = tmp_path / "kernel"
    path.write_bytes(os.urandom(5000))
    return path


def digest(path: Path) -> str:
    """The hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def found(path: Path) -> str:
    """What is said when a file is taken out of the cache: nobody can write to it."""
    return f"{path.stat().st_size} {digest(path)} writable 0"


def host(home: Path | str, **env: str) -> Host:
    """A host of this machine's kind."""
    return Host(KINDS["x86-64"], home, **env)


def test_kernel_is_kept_for_the_user_alone(tmp_path: Path, file: Path) -> None:
    here = host(tmp_path)
    assert here.get(digest(file)) == "none"
    assert here.put(file) == ["0"]
    assert here.get(digest(file)) == found(file)
    cache = tmp_path / ".cache" / "hpvm"
    assert [path.name for path in cache.iterdir()] == [digest(file)]
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE((cache / digest(file)).stat().st_mode) == 0o600


def test_place_of_the_standard_is_used(tmp_path: Path, file: Path) -> None:
    there = host("/nowhere", XDG_CACHE_HOME=str(tmp_path / "a" / "b"))
    assert there.put(file) == ["0"]
    assert (tmp_path / "a" / "b" / "hpvm" / digest(file)).exists()
    # The standard has relative ones ignored.
    assert host(tmp_path, XDG_CACHE_HOME="a/b").get(digest(file)) == "none"


@pytest.mark.parametrize("change", ["other byte", "longer", "empty"])
def test_file_that_was_changed_is_not_believed_and_goes(
    tmp_path: Path, file: Path, change: str
) -> None:
    here = host(tmp_path)
    here.put(file)
    kept = tmp_path / ".cache" / "hpvm" / digest(file)
    data = kept.read_bytes()
    kept.write_bytes({"other byte": b"x" + data[1:], "longer": data + b"x", "empty": b""}[change])
    assert here.get(digest(file)) == "none"
    assert not kept.exists()
    assert here.put(file) == ["0"]
    assert here.get(digest(file)) == found(file)


def test_link_in_the_cache_is_not_followed(tmp_path: Path, file: Path) -> None:
    here = host(tmp_path)
    here.put(file)
    kept = tmp_path / ".cache" / "hpvm" / digest(file)
    kept.unlink()
    kept.symlink_to(file)
    assert here.get(digest(file)) == "none"


def test_directory_that_others_can_write_is_not_used(tmp_path: Path, file: Path) -> None:
    here = host(tmp_path)
    here.put(file)
    (tmp_path / ".cache" / "hpvm").chmod(0o777)
    assert here.get(digest(file)) == "none"
    assert here.put(file) == ["-1"]


def test_without_a_home_nothing_is_kept(file: Path) -> None:
    for home in ("/dev/null", "/proc/nowhere", "relative"):
        here = host(home)
        assert here.put(file) == ["-1"]
        assert here.get(digest(file)) == "none"


def test_cache_that_cannot_be_written_is_read(tmp_path: Path, file: Path) -> None:
    """As root, in a mount namespace where it is read-only: permissions do not hold root."""
    if os.geteuid() != 0:
        missing("a read-only mount needs root")
    require_program("unshare", "util-linux")
    host(tmp_path).put(file)
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    wrapper = ("unshare", "-m", "sh", "-c", mount, str(tmp_path))
    read_only = Host(KINDS["x86-64"], tmp_path, wrapper=wrapper)
    assert read_only.get(digest(file)) == found(file)
    other = tmp_path / "other"
    other.write_bytes(b"other")
    assert read_only.put(other) == ["-1"]
    assert read_only.get(digest(file)) == found(file)


def test_what_cannot_be_named_leaves_no_piece(tmp_path: Path, file: Path) -> None:
    (tmp_path / ".cache" / "hpvm").mkdir(parents=True, mode=0o700)
    (tmp_path / ".cache" / "hpvm" / digest(file)).mkdir()
    assert host(tmp_path).put(file) == ["-1"]
    assert [path.name for path in (tmp_path / ".cache" / "hpvm").iterdir()] == [digest(file)]


def test_files_that_were_used_least_recently_go(tmp_path: Path, file: Path) -> None:
    cache = tmp_path / ".cache" / "hpvm"
    cache.mkdir(parents=True, mode=0o700)
    for age, name in enumerate(("newest", "middle", "oldest")):
        with (cache / name).open("wb") as sparse:
            sparse.truncate(LIMIT // 2 - 4096)
        os.utime(cache / name, (1000 - age, 1000 - age))
    assert host(tmp_path).put(file) == ["0"]
    assert {path.name for path in cache.iterdir()} == {"newest", "middle", digest(file)}


def test_use_makes_a_file_young(tmp_path: Path, file: Path) -> None:
    here = host(tmp_path)
    here.put(file)
    kept = tmp_path / ".cache" / "hpvm" / digest(file)
    os.utime(kept, (1000, 1000))
    assert here.get(digest(file)) == found(file)
    assert kept.stat().st_mtime > 1000
