# SPDX-License-Identifier: MIT
"""A run of tests/c/host_codes.c: a machine of two hosts, and hosts that cannot be added."""

from __future__ import annotations

import os
import signal

from support.machines.hosts import Bed
from support.machines.net import Loopback, Namespaces, Network, can_make_namespaces
from support.system import Side

_GREETING = "ddpro<2315> arch<LINUX64> ip<7f000002:e245> mtu<4080> dsig<4230209>"
# What the remote shell runs on them; it gets a command as its arguments.
_BROKEN_HOSTS = {
    "old": f"#!/bin/sh\necho '{_GREETING}'\n",
    "broken": "#!/bin/sh\nexit 1\n",
    "slow": "#!/bin/sh\n>{0}/begun\nwhile [ ! -e {0}/go ]; do sleep 0.05; done\nexit 1\n",
}


_ENV = {"PVM_TEST_CASES": "1"}
_ADDRESSES = "".join(f"10.77.0.{50 + i} {name}\n" for i, name in enumerate(_BROKEN_HOSTS))


def run(master: Side, slave: Side, library: Side) -> str:
    """Run it with a library on a machine of these daemons; its output."""
    if can_make_namespaces():
        network: Network = Namespaces(2, hosts=_ADDRESSES)
        broken = list(_BROKEN_HOSTS)
    else:
        network = Loopback(5)
        broken = [network.name(number) for number in (2, 3, 4)]
    with Bed([master, slave], network=network, programs=["host_codes"], env=_ENV) as bed:
        for name, script in zip(broken, _BROKEN_HOSTS.values(), strict=True):
            path = bed.directory / name / "run"
            path.parent.mkdir()
            path.write_text(script.format(bed.directory))
            path.chmod(0o755)
        bed.start()
        program = bed.programs(library) / "host_codes"
        names = [bed.master.name, bed.slaves[0].name, *broken, "no-such-host.invalid"]
        output = bed.master.run(program, bed.directory, *names).check().out
        if master == library == "ours":
            # 3.4.6's daemon waits for minutes.
            os.kill(bed.slaves[0].pid, signal.SIGSTOP)
            output += bed.master.run(program, "frozen", bed.slaves[0].name).check().out
            bed.slaves[0].kill_daemon()
    return output
