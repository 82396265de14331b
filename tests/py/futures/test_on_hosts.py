# SPDX-License-Identifier: MIT
"""Pools on several hosts, of which some are killed."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

import pytest
from support.machines.hosts import Bed, Host
from support.system import PATIENCE, modules_dir

_PRELUDE = f"""
import sys, threading, time
sys.path.insert(0, {str(modules_dir())!r})
from pvm3py import VirtualMachine
from pvm3py.futures import PoolBroken, PvmPoolExecutor

def place(_):
    from pvm3py import Task
    return Task().host.name

def identity(number):
    time.sleep(0.0005)
    return number

def hosts_of(pool):
    return sorted(worker.host for worker in pool.workers)

def wait_for(condition):
    while not condition():
        time.sleep(0.01)
"""


@pytest.fixture
def bed() -> Iterator[Bed]:
    """Three hosts that form a machine."""
    with Bed(["ours"] * 3) as made:
        yield made.start()


_MAIN = """
if __name__ == "__main__":
    machine = VirtualMachine.attach()
    machine.hosts.add(*sys.argv[1:])
"""


def run(bed: Bed, text: str, *, kill: Host | None = None) -> str:
    """Run a Python text as a task on the first host.

    kill  whose daemon is killed when it says "go"
    """
    host = bed.hosts[0]
    script = host.tmp / "script.py"
    body = textwrap.indent(textwrap.dedent(text), "    ")
    script.write_text(_PRELUDE + _MAIN + body)
    names = [other.name for other in bed.hosts[1:]]
    if kill is None:
        return host.run(sys.executable, script, *names).check().out
    process = host.start(sys.executable, script, *names)
    assert process.stdout
    assert process.stdout.readline() == b"go\n"
    kill.kill_daemon()
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err.decode()
    return out.decode()


def test_workers_are_on_all_hosts(bed: Bed) -> None:
    out = run(
        bed,
        """
        with PvmPoolExecutor(6, machine=machine) as pool:
            wait_for(lambda: len(pool.workers) == 6)
            print(*hosts_of(pool))
            print(*sorted(set(pool.map(place, range(300)))))
        """,
    )
    names = sorted(host.name for host in bed.hosts)
    assert out.split("\n")[:2] == [" ".join(sorted(names * 2)), " ".join(names)]


def test_where_and_per_host_choose(bed: Bed) -> None:
    second = bed.hosts[1].name
    out = run(
        bed,
        f"""
        with PvmPoolExecutor(4, machine=machine, where={second!r}) as pool:
            wait_for(lambda: len(pool.workers) == 4)
            print(*hosts_of(pool))
        with PvmPoolExecutor(machine=machine, per_host=1) as pool:
            wait_for(lambda: len(pool.workers) == 3)
            print(*hosts_of(pool))
        with PvmPoolExecutor(machine=machine, where="nowhere") as pool:
            try:
                pool.submit(place, 0).result()
            except PoolBroken as error:
                print(error)
        """,
    )
    one, three, error = out.splitlines()
    assert one == " ".join([second] * 4)
    assert three == " ".join(sorted(host.name for host in bed.hosts))
    assert "'nowhere'" in error


@pytest.mark.slow
def test_no_result_is_lost_or_doubled_when_a_host_dies(bed: Bed) -> None:
    out = run(
        bed,
        """
        with PvmPoolExecutor(3, machine=machine) as pool:
            wait_for(lambda: len(pool.workers) == 3)
            counts = [0] * 10_000
            for number in pool.map(identity, range(10_000), ordered=False):
                counts[number] += 1
                if sum(counts[:1000]) == 500 and number < 1000:
                    print("go", flush=True)
            assert counts == [1] * 10_000
            wait_for(lambda: len(pool.workers) == 3 and sys.argv[2] not in hosts_of(pool))
            print(*hosts_of(pool))
        """,
        kill=bed.hosts[2],
    )
    assert set(out.split()) - {"go"} == {bed.hosts[0].name, bed.hosts[1].name}


@pytest.mark.slow
def test_the_end_of_the_master_breaks_the_pool_and_ends_the_workers_on_slaves(bed: Bed) -> None:
    out = run(
        bed,
        """
        with PvmPoolExecutor(6, machine=machine) as pool:
            wait_for(lambda: len(pool.workers) == 6)
            assert len(set(hosts_of(pool))) == 3
            running = [pool.submit(time.sleep, 1000) for _ in range(6)]
            waiting = [pool.submit(identity, number) for number in range(100)]
            print("go", flush=True)
            errors = {type(future.exception()) for future in running + waiting}
            try:
                pool.submit(identity, 0)
            except PoolBroken:
                print(*(error.__name__ for error in errors))
        """,
        kill=bed.hosts[0],
    )
    assert out == "PoolBroken\n"
    for host in bed.hosts[1:]:
        host.wait_gone()
        assert host.left() == []
