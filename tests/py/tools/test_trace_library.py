# SPDX-License-Identifier: MIT
"""libpvmtrc.a of 3.4.6, for which we have no counterpart in C, goes with our library."""

from __future__ import annotations

from pathlib import Path

from support.compiler import compile_program
from support.machines.vm import VirtualMachine
from support.system import missing

SOURCE = """
#include <pvm3.h>
#include <stdio.h>

/* No header of 3.4.6 declares it. */
char *trc_date_str(void);

int main(void)
{
	printf("%x %s\\n", pvm_mytid(), trc_date_str());
	return pvm_exit();
}
"""


def test_program_with_the_trace_library_of_3_4_6_links_with_ours(tmp_path: Path) -> None:
    archives = list(Path("/usr/lib").glob("*/libpvmtrc.a"))
    if not archives:
        missing("libpvmtrc.a of 3.4.6 is not installed: apt-get install pvm-dev")
    source = tmp_path / "dated.c"
    source.write_text(SOURCE)
    program = compile_program("dated", [source], "ours", libraries=[str(archives[0])])
    with VirtualMachine("ours") as vm:
        tid, date = vm.run(program).check().out.split(maxsplit=1)
    assert int(tid, 16) & ~0x3FFFF == 0x40000
    assert len(date.split()) == 5
