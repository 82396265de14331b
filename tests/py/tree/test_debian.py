# SPDX-License-Identifier: MIT
"""Debian packages of this project take the place of PVM 3.4.6's.

PVM3PY_DEB=DIR builds and uses them in Debian 12 and 13 as well. debootstrap makes these systems
below DIR, where they stay for the next time.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.installs import clean_environment, run
from support.programs.timetable import problem
from support.system import ARCH, PROJECT, missing, require_daemon, require_program

MIRROR = "http://deb.debian.org/debian"
REPLACED = ("pvm", "pvm-dev", "libpvm3")
# Debian's packages of programs for PVM; only release 12 has them.
USERS = ("netpipe-pvm", "tablix2", "slang-pvm", "slsh", "pvm-examples")
# Parts of an install that Debian has elsewhere, or that packages do not need.
ELSEWHERE = re.compile(
    r"lib/pvm3/installed|.*/__pycache__/.*|share/doc/.*|lib/lib\w+\.a|.*/cffi.libs/.*"
    # Packages of their own.
    r"|lib/pvm3/lib/python/console-libraries/.*"
)


def built(target: Path, **settings: str) -> Path:
    """The packages, built in a directory."""
    require_program("dh", "debhelper")
    require_program("dh_python3", "dh-python")
    # Not its programs: dpkg-buildpackage asks whether this package is installed.
    if subprocess.run(["dpkg", "-s", "build-essential"], capture_output=True).returncode:
        missing("the package build-essential is not installed")
    if subprocess.run(["/usr/bin/python3", "-c", "import cffi, setuptools"]).returncode:
        pytest.skip(
            "/usr/bin/python3 has no cffi and setuptools (python3-cffi, python3-setuptools)"
        )
    env = clean_environment() | settings
    run("make", "-s", "deb", f"BUILD={target}", cwd=PROJECT, env=env)
    return target / "deb"


@pytest.fixture(scope="module")
def quick() -> Iterator[Path]:
    """Packages of code that is not optimised."""
    require_daemon("ours")
    place = Path(tempfile.mkdtemp(prefix="pvdeb"))
    yield built(place, DEB_BUILD_OPTIONS="noopt noautodbgsym")
    shutil.rmtree(place)


def contents(packages: Path) -> dict[str, set[str]]:
    """Paths of files and links of each package, below /usr."""
    found = {}
    for file in packages.glob("*.deb"):
        names = run("dpkg-deb", "--contents", file).splitlines()
        paths = {line.split(maxsplit=5)[5].partition(" -> ")[0] for line in names}
        files = {path.removeprefix("./usr/") for path in paths if not path.endswith("/")}
        found[file.name.partition("_")[0]] = files
    return found


def field(packages: Path, package: str, name: str) -> str:
    """A field of a package."""
    (file,) = packages.glob(f"{package}_*.deb")
    return run("dpkg-deb", "--field", file, name).strip()


@pytest.mark.slow
def test_packages_hold_all_that_make_install_does(quick: Path, scratch: Path) -> None:
    install = ("make", "-s", "install", "PREFIX=/usr", f"DESTDIR={scratch}")
    run(*install, cwd=PROJECT, env=clean_environment())
    usr = scratch / "usr"
    files = {str(path.relative_to(usr)) for path in usr.rglob("*") if not path.is_dir()}
    wanted = {path for path in files if not ELSEWHERE.fullmatch(path)}
    assert len(wanted) > 100
    moved = re.compile(r"\.gz$|(?<=lib/)[^/]+-linux-[^/]+/(?=pkgconfig/)")
    held = [moved.sub("", path) for paths in contents(quick).values() for path in paths]
    python = re.compile(r"cpython-\d+")
    assert {python.sub("", path) for path in wanted} - {
        python.sub("", path) for path in held
    } == set()
    assert len(held) == len(set(held))


@pytest.mark.slow
def test_packages_take_the_place_of_those_of_debian(quick: Path) -> None:
    paths = contents(quick)
    assert {*REPLACED, "python3-pvm3py"} == set(paths)
    for package in REPLACED:
        version = field(quick, package, "Version")
        assert (
            subprocess.run(["dpkg", "--compare-versions", version, "gt", "3.4.6-5"]).returncode == 0
        )
    assert {"bin/pvmd", "bin/pvmgs", "bin/pvmgetarch"} <= paths["pvm"]
    assert {"bin/aimk", "include/pvm3.h", f"lib/pvm3/conf/{ARCH}.def"} <= paths["pvm-dev"]
    libraries = {path for path in paths["libpvm3"] if path.endswith("/libpvm3.so.3")}
    assert len(libraries) == 1 and not libraries & paths["pvm-dev"]


# What Debian's packages of 3.4.6 have and ours need not: docs/differences.md says why there is no
# libpvmtrc; the rest are its numbered libraries, and manual pages of names that 3.4.6 no longer
# has, or that are on a page with another name.
LEFT_BEHIND = re.compile(
    r"lib/libpvmtrc\.a|lib/lib\w+\.so\.3\.4\.6"
    r"|share/man/man1/pvm_shmd\.1|share/man/man3/pvm_(advise|serror)\.3"
    r"|share/man/man3/pvmf(advise|serror|frzgrp|joingrp|lvgrp|tidtoh|[gs]etminfo|u?pkmesg|pkmesgbody)\.3"
)


@pytest.mark.slow
def test_packages_have_the_files_of_those_of_debian(quick: Path) -> None:
    """A manual page may be in another section."""
    info = Path("/var/lib/dpkg/info")
    lists = [path for name in REPLACED for path in info.glob(f"{name}[.:]*list")]
    if len(lists) < len(REPLACED):
        missing("Debian's packages of 3.4.6 are not installed: apt-get install pvm pvm-dev libpvm3")
    theirs = {path for file in lists for path in file.read_text().splitlines()}
    wanted = (path for path in theirs if not path.startswith("/usr/share/doc/"))
    files = {path for path in wanted if path.startswith("/usr/") and not Path(path).is_dir()}
    ours = {plain(path) for paths in contents(quick).values() for path in paths}
    lacking = {plain(path.removeprefix("/usr/")) for path in files} - ours
    assert len(files) > 100
    assert {path for path in lacking if not LEFT_BEHIND.fullmatch(path)} == set()


def plain(path: str) -> str:
    """A path below /usr without what differs between builds: place of libraries, compression."""
    path = re.sub(r"(?<=lib/)[^/]+-linux-[^/]+/", "", path)
    path = re.sub(r"(PVM)?(\.gz)?$", "", path)
    return path.replace("man7/pvm_intro.7", "man1/pvm_intro.1")


@pytest.mark.slow
def test_packages_keep_the_rules_of_debian(quick: Path) -> None:
    check_rules(quick)


def check_rules(packages: Path) -> None:
    """Lintian finds no error."""
    require_program("lintian", "lintian")
    run("lintian", "--fail-on", "error", *packages.glob("*.changes"))


@pytest.mark.slow
def test_programs_of_the_new_library_run_on_the_old_one(quick: Path, scratch: Path) -> None:
    """The symbols file says since when each name is there; those of 3.4.6 have its version."""
    (library,) = quick.glob("libpvm3_*.deb")
    run("dpkg-deb", "--control", library, scratch / "control")
    since = dict(
        re.findall(r"^ (\w+)@Base (\S+)$", (scratch / "control/symbols").read_text(), re.M)
    )
    assert since["pvm_send"] == since["pvm_barrier"] == "3.4.6"
    assert since["pvm_setmwid"].startswith("3.4.6+pvm3py")
    assert "dpkg-gensymbols: warning" not in (quick / "log").read_text()


# ---- in whole systems -----------------------------------------------------------


class System:
    """A release of Debian in a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, script: str) -> str:
        """Output of a shell script there, which must succeed; its processes end with it."""
        inside = (
            'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && '
            'exec chroot "$0" /bin/sh -euc "$1"'
        )
        setting = "export DEBIAN_FRONTEND=noninteractive HOME=/root LC_ALL=C.UTF-8; cd /root\n"
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", inside]
        return run(
            *words, self.root, setting + script, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        )

    def copy_to(self, place: Path) -> System:
        """The same system again."""
        run("cp", "-a", self.root, place)
        return System(place)


@pytest.fixture(params=["bookworm", "trixie"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> System:
    """A new system of a release with the package lists of today."""
    if not os.environ.get("PVM3PY_DEB"):
        pytest.skip("takes many minutes and 2 GB: PVM3PY_DEB=DIR")
    require_program("debootstrap", "debootstrap")
    base = Path(os.environ["PVM3PY_DEB"]) / request.param
    if not (base / "etc" / "apt" / "ready").exists():
        shutil.rmtree(base, ignore_errors=True)
        options = ["--variant=minbase", "--include=ca-certificates"]
        run("debootstrap", *options, request.param, base, MIRROR)
        (base / "etc" / "apt" / "ready").touch()
    system = System(base).copy_to(tmp_path / "system")
    system.run("apt-get update")
    return system


def build_inside(system: System, tmp_path: Path) -> Path:
    """Packages of the source package, built with what it declares; their directory."""
    source = built(tmp_path / "b", DEB_BUILD_OPTIONS="noopt noautodbgsym")
    builder = system.copy_to(tmp_path / "builder")
    for file in (*source.glob("*.dsc"), *source.glob("*.tar.xz")):
        shutil.copy(file, builder.root / "root")
    builder.run(
        "apt-get install -y --no-install-recommends dpkg-dev; apt-get build-dep -y ./*.dsc;"
        "dpkg-source -x *.dsc src; cd src; dpkg-buildpackage -b -us -uc"
    )
    return builder.root / "root"


START = """
export PVM_ALLOW_ROOT=1 PVM_PATH=/root/pvm3/bin/LINUX64:/usr/bin:/usr/lib/pvm3/bin/LINUX64
rm -rf /tmp/pvm*
pvmd >/dev/null &
until [ -e /tmp/pvmd.0 ]; do sleep 0.1; done
"""
OWN = """
python3 -c 'import pvm3py.classic as pvm3py; print("python", hex(pvm3py.mytid())); pvm3py.exit()'
cc hello.c -o hello -lgpvm3 -lpvm3 && ldd hello | grep -o "libpvm3.so.3 => .*/libpvm3.so.3"
mkdir -p pvm3/bin/LINUX64 && cc hello_other.c -o pvm3/bin/LINUX64/hello_other -lpvm3
PVM_ROOT=/usr/lib/pvm3 ./hello
cc hello.c -o linked $(pkg-config --cflags --libs pvm3)
pvmcc hello.c -o linked && ./linked && pvm -c conf
aimk --version && pvm_gstat && pvmgetarch
"""
EXAMPLES = """
hello.pvm
echo 20 4 | gexample
joinleave 1000
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_packages_work_in_a_whole_system(system: System, tmp_path: Path) -> None:
    """With the programs that Debian has for PVM, if the release has them, and leaving nothing."""
    packages = build_inside(system, tmp_path)
    check_rules(packages)
    older = "bookworm" in (system.root / "etc" / "os-release").read_text()
    if older:
        system.run(f"apt-get install -y --no-install-recommends {' '.join(REPLACED + USERS)}")
    for file in packages.glob("*.deb"):
        shutil.copy(file, system.root / "root")
    for name in ("hello.c", "hello_other.c"):
        shutil.copy(PROJECT / "examples" / name, system.root / "root")
    system.run("apt-get install -y --no-install-recommends ./*.deb gcc libc6-dev make pkg-config")
    text = system.run(START + OWN)
    assert "python 0x4000" in text and "libpvm3.so.3 => /lib" in text
    assert text.count("hello, world from") == 2 and "1 host, 1 data format" in text
    if older:
        check_users(system)
    system.run("pvmd --version; apt-get purge -y pvm pvm-dev libpvm3 python3-pvm3py")
    assert not list((system.root / "usr/lib").glob("**/*pvm*"))
    assert not (system.root / "var/lib/dpkg/alternatives/pvm-rsh").exists()


def check_users(system: System) -> None:
    """Debian's programs for PVM run on what was installed."""
    assert "3.4.6+pvm3py" in system.run("dpkg-query -W -f '${Version}' libpvm3")
    text = system.run(START + EXAMPLES)
    assert "hello, world from" in text and "The 1-Norm is 210" in text
    assert "Joined 1000 times" in text
    script = 'import("pvm"); () = printf("slang %x;", pvm_mytid()); pvm_exit();'
    assert "slang 4000" in system.run(f"{START} slsh -e '{script}'")
    (system.root / "root" / "problem.xml").write_text(problem())
    system.run(f"{START} tablix2 -n 2 -d 1 problem.xml")
    assert list((system.root / "root").glob("result*.xml"))
    receiver = "NPpvm -u 1000 -n 3 >/dev/null & until pvm_tasks; do sleep 0.1; done"
    enrolled = "python3 -c 'import pvm3py as p; p.mytid(); exit(len(p.tasks()) < 2)'"
    receiver = receiver.replace("pvm_tasks", enrolled)
    system.run(f"{START} {receiver}; NPpvm -h other -u 1000 -n 3 -o out; test -s out")
