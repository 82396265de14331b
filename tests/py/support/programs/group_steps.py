# SPDX-License-Identifier: MIT
"""group_steps.py GROUP: join, print the instance, then do calls as standard input says.

Each line is Python: a call of a function of pvm3py.classic with `group` and `items` (an array of
one double: instance + 1) at hand. Printed is its result, or the name of the error code.
"""

from __future__ import annotations

import sys
from array import array

import pvm3py.classic as pvm


def main(group: str) -> None:
    me = pvm.joingroup(group)
    print(me, flush=True)
    for line in sys.stdin:
        items = array("d", [me + 1])
        try:
            result = eval(line, vars(pvm) | {"group": group, "items": items})
        except pvm.PvmError as error:
            assert isinstance(error.code, pvm.Code)
            result = error.code.name
        print(result if result is not None else items[0], flush=True)
    pvm.exit()


if __name__ == "__main__":
    main(sys.argv[1])
