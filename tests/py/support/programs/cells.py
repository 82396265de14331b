# SPDX-License-Identifier: MIT
"""One cell of a matrix of daemons, libraries and flavours of programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from support.machines.vm import VirtualMachine
from support.system import Side
from support.vectors.normalise import normalise


@dataclass
class Cell:
    """A running machine, the library of its programs, and the directory where these are."""

    vm: VirtualMachine
    libpvm: Side
    programs: Path

    def run(self, name: str, *args: object, stdin: str = "", status: int | None = 0) -> str:
        """Run a program, which must end with a status (None: any); both outputs, normalised."""
        done = self.vm.run(self.programs / name, *args, stdin=stdin, merged=True)
        return normalise(done.check(status).out.replace(f"{self.programs}/", ""))
