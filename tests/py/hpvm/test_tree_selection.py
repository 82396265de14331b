# SPDX-License-Identifier: MIT
"""Which kernel of a tree a host runs, and that each gives the same result to the last bit."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from support.programs import treehosts
from support.programs.treehosts import ALL, EMULATED, KINDS, MANDELBROT, Host

from pvm3py.hpvm.trees import Traits, Tree


@cache
def result() -> str:
    """What every kernel says of a few rows, as the generic one for this machine does."""
    host = Host(KINDS["x86-64"], HPVM_LEVELS="generic")
    kernel, said = host.run(treehosts.mandelbrot())
    assert kernel == path("x86-64", "generic")
    return said


def path(arch: str, level: str) -> str:
    """A kernel's path in a tree."""
    return f"{arch}/linux/{level}/kernel.so"


# ---- what processors have


@pytest.mark.parametrize(
    ("cpu", "levels"),
    [
        ("qemu64", []),
        ("Nehalem", ["x86-64-v2"]),
        ("Haswell", ["x86-64-v3", "x86-64-v2"]),
        ("Haswell,-fma", ["x86-64-v2"]),
    ],
)
def test_levels_of_x86_processors(cpu: str, levels: list[str]) -> None:
    assert Host(EMULATED, cpu=cpu).traits() == ["x86-64", "linux", *levels]


@pytest.mark.parametrize(
    ("arch", "cpu", "levels"),
    [
        ("s390x", "max", ["z15", "z14", "z13"]),
        ("s390x", "z900", []),
        ("s390x", "max,vxeh2=off", ["z14", "z13"]),
        ("s390x", "max,vxeh=off,vxeh2=off", ["z13"]),
        ("aarch64", "cortex-a57", []),
        ("aarch64", "cortex-a76", ["armv8.2-a", "armv8.1-a"]),
        ("ppc", None, []),
    ],
)
def test_levels_of_other_processors(arch: str, cpu: str | None, levels: list[str]) -> None:
    assert Host(KINDS[arch], cpu=cpu).traits() == [arch, "linux", *levels]


def test_mask_leaves_the_levels_that_it_names() -> None:
    there = Host(EMULATED, cpu="Haswell")
    assert there.traits()[2:] == ["x86-64-v3", "x86-64-v2"]
    for mask, levels in {
        "x86-64-v2": ["x86-64-v2"],
        "z15,x86-64-v3": ["x86-64-v3"],
        "x86-64-v4": [],
        "x86-64": [],
        "": [],
    }.items():
        masked = Host(EMULATED, cpu="Haswell", HPVM_LEVELS=mask)
        assert masked.traits()[2:] == levels, mask


# ---- what they run


@pytest.mark.parametrize("arch", KINDS)
def test_each_level_of_an_architecture_gives_the_same_sum(arch: str, tmp_path: Path) -> None:
    """The best first, generic as the last, then the source."""
    kind, tree = KINDS[arch], treehosts.mandelbrot()
    host = Host(kind, tmp_path)
    levels = [*host.traits()[2:], "generic"]
    with Tree(str(tree)) as opened:
        there = {kernel.path for kernel in opened}
    expected = [path(arch, level) for level in levels if path(arch, level) in there]
    assert expected[-1] == path(arch, "generic")
    for nth, kernel in enumerate(expected):
        assert host.run(tree, nth) == (kernel, result())


@pytest.mark.parametrize("level", ["x86-64-v4", "x86-64-v3", "x86-64-v2", "generic"])
def test_whole_image_has_the_known_sum_on_each_level(level: str) -> None:
    host = Host(KINDS["x86-64"], HPVM_LEVELS=level)
    if level not in [*host.traits(), "generic"]:
        pytest.skip(f"this processor has no {level}")
    kernel = path("x86-64", level)
    assert host.run(treehosts.mandelbrot(), rows=ALL) == (kernel, f"0 {MANDELBROT}")


@pytest.mark.slow
@pytest.mark.parametrize("arch", [arch for arch in KINDS if arch != "x86-64"])
def test_whole_image_has_the_known_sum_on_each_architecture(arch: str) -> None:
    _, said = Host(KINDS[arch]).run(treehosts.mandelbrot(), rows=ALL)
    assert said == f"0 {MANDELBROT}"


@pytest.mark.parametrize(
    ("cpu", "level"), [("qemu64", "generic"), ("Nehalem", "x86-64-v2"), ("Haswell", "x86-64-v3")]
)
def test_emulated_processor_runs_what_it_can(cpu: str, level: str) -> None:
    host = Host(EMULATED, cpu=cpu)
    assert host.run(treehosts.mandelbrot()) == (path("x86-64", level), result())


@pytest.mark.parametrize("level", ["x86-64-v3", "x86-64-v2", "generic"])
def test_masked_host_runs_what_is_left(level: str) -> None:
    host = Host(KINDS["x86-64"], HPVM_LEVELS=level)
    if level not in [*host.traits(), "generic"]:
        pytest.skip(f"this processor has no {level}")
    assert host.run(treehosts.mandelbrot()) == (path("x86-64", level), result())


def test_source_is_the_last_choice_and_is_compiled_once(tmp_path: Path) -> None:
    tree = treehosts.mandelbrot()
    host = Host(KINDS["x86-64"], tmp_path, HPVM_LEVELS="generic")
    assert host.run(tree, 1) == ("source/kernel.tar", result())
    [made] = (tmp_path / ".cache" / "hpvm").iterdir()
    assert made.name.endswith(".made")
    without_compiler = Host(KINDS["x86-64"], tmp_path, HPVM_LEVELS="generic", HPVM_CC="/no/cc")
    assert without_compiler.run(tree, 1) == ("source/kernel.tar", result())
    made.write_bytes(made.read_bytes()[:-1] + b"x")
    *_, complaint = without_compiler.run(tree, 1)
    assert complaint == "compile: source: /no/cc: /no/cc: No such file or directory"
    assert not list((tmp_path / ".cache" / "hpvm").iterdir())


def test_no_choice_is_left_behind_the_last_one() -> None:
    host = Host(KINDS["x86-64"], HPVM_LEVELS="generic")
    assert host.run(treehosts.mandelbrot(), 2) == ("none: no other kernel for x86-64 linux",)


# ---- why


@pytest.mark.parametrize(
    ("traits", "chosen", "why"),
    [
        (("x86-64", "x86-64-v4", "x86-64-v3", "x86-64-v2"), "x86-64-v4", "x86-64-v4"),
        (
            ("x86-64", "x86-64-v2"),
            "x86-64-v2",
            "x86-64-v2: the processor lacks x86-64-v3, x86-64-v4",
        ),
        (
            ("x86-64", "haswell", "x86-64-v4", "x86-64-v3", "x86-64-v2"),
            "x86-64-v4",
            "x86-64-v4: the tree lacks haswell",
        ),
        (
            ("x86-64",),
            "generic",
            "generic: the processor lacks x86-64-v2, x86-64-v3, x86-64-v4",
        ),
    ],
)
def test_reason_names_what_is_lacking(traits: tuple[str, ...], chosen: str, why: str) -> None:
    arch, *levels = traits
    with Tree(str(treehosts.mandelbrot())) as tree:
        host = Traits(arch, "linux", tuple(levels))
        kernel = tree.select(host)
        assert kernel is not None
        assert (kernel.level, tree.why(host)) == (chosen, why)


def test_unknown_architecture_or_system_gets_the_source() -> None:
    with Tree(str(treehosts.mandelbrot())) as tree:
        for host in (Traits("vax", "linux", ()), Traits("x86-64", "hurd", ("x86-64-v2",))):
            kernel = tree.select(host)
            assert kernel is not None
            assert kernel.path == "source/kernel.tar"
            assert tree.why(host) == f"source: no kernel for {host.arch} {host.system}"
            assert tree.select(host, 1) is None
