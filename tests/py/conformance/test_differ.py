# SPDX-License-Identifier: MIT
"""The same calls on PVM 3.4.6 and on ours: values, pvm_errno, texts, and what is stored.

A round makes every function's calls in one state, another one each time, and some random
sequences. All states have had their turn after as many rounds as there are states
(support/differ/scripts.py), and each day has one of these rounds. PVM3PY_DIFFER_SEEDS=N runs the
rounds before N, and PVM3PY_DIFFER_SEEDS=M-N those from M on.
"""

from __future__ import annotations

import datetime
import os
import re
import subprocess
from collections.abc import Iterable, Iterator

import pytest
from support.differ.bed import DEBIAN_FORTRAN, Script, fortran_program, program
from support.differ.compare import Pair, report
from support.differ.examples import EXAMPLES
from support.differ.fortran import FORTRAN
from support.differ.scripts import CALLS, STATES, scripts
from support.differ.sequences import Sequence
from support.system import PROJECT, require_daemon

TODAY = datetime.date.today().toordinal() % len(STATES)
FIRST, _, END = os.environ.get("PVM3PY_DIFFER_SEEDS", f"{TODAY}-{TODAY + 1}").rpartition("-")
SEEDS = range(int(FIRST or 0), int(END))
SEQUENCES = 40
# Functions of the header that 3.4.6 does not have, or that call nothing.
UNTRIED = {
    *("pvm_getmwid", "pvm_setmwid", "pvmtmpnam", "pvmgetrsh", "pvmgettmp"),
    *("pvm_migrate", "pvm_canmigrate", "pvm_onmigrate", "pvm_holdtask"),
    *("pvm_checkpoint", "pvm_restart"),
}


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    """Both machines, for calls from C."""
    require_daemon("debian")
    require_daemon("ours")
    with Pair(program(), program()) as both:
        yield both


@pytest.fixture(scope="module")
def fortran() -> Iterator[Pair]:
    """Both machines, for calls from Fortran."""
    require_daemon("debian")
    require_daemon("ours")
    with Pair(fortran_program("debian"), fortran_program("ours")) as both:
        yield both


def check(both: Pair, tried: Iterable[Script]) -> None:
    """Run scripts on both; fail with everything that differs."""
    found = [difference for script in tried for difference in both.differences(script)]
    assert not found, report(found)


def rounds(functions: Iterable[str], seed: int) -> Iterator[Script]:
    """Scripts of a round: each function in the state whose turn it is."""
    states = list(STATES)
    for index, function in enumerate(functions):
        yield from scripts(function, states[(index + seed) % len(states)])


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.name)
def test_example_is_as_on_the_original(pair: Pair, script: Script) -> None:
    check(pair, [script])


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_every_function_is_as_on_the_original(pair: Pair, seed: int) -> None:
    check(pair, rounds(CALLS, seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_entry_point_of_fortran_is_as_on_the_original(fortran: Pair, seed: int) -> None:
    check(fortran, rounds(FORTRAN, seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_random_sequences_are_as_on_the_original(pair: Pair, seed: int) -> None:
    seeds = range(seed * SEQUENCES, (seed + 1) * SEQUENCES)
    check(pair, [Sequence(number).script(f"sequence {number}") for number in seeds])


def test_every_public_function_is_tried() -> None:
    header = (PROJECT / "include" / "pvm3.h").read_text()
    public = set(re.findall(r"^[a-z].*?\b\(?\*?(pvm_?\w+)\)?\(", header, re.MULTILINE)) - UNTRIED
    examples = {line.split()[0] for script in EXAMPLES for _, line in script.steps}
    tried = {f"pvm_{name}" for name in {*CALLS, *examples}}
    assert len(public) > 100
    assert public <= tried


def test_every_entry_point_of_fortran_is_tried() -> None:
    if not DEBIAN_FORTRAN.exists():
        pytest.skip("Debian's libfpvm3.a is not installed: apt-get install pvm-dev")
    text = subprocess.run(
        ["nm", str(DEBIAN_FORTRAN)], check=True, capture_output=True, text=True
    ).stdout
    public = set(re.findall(r" T (pvmf\w+)_$", text, re.MULTILINE))
    assert public - {"pvmfhalt", "pvmfsleep", "pvmfrecv"} <= set(FORTRAN)
