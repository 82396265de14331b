# SPDX-License-Identifier: MIT
"""Workers, their nurseries and the daemon die: nothing is lost, nothing comes twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from pathlib import Path

import pytest
from support.machines.vm import wait_until
from support.programs import pooled

from pvm3py.futures import PoolBroken, PvmPoolExecutor, WorkerDied

# Seeds of the killing under a long map; 50 take some minutes.
SEEDS = int(os.environ.get("PVM3PY_POOL_SEEDS", "3"))


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def ready(pool: PvmPoolExecutor, count: int) -> list[int]:
    """Wait until so many workers are ready; their process ids."""
    wait_until(lambda: len(pool.workers) == count, f"{count} workers")
    return [worker.pid for worker in pool.workers]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def is_nursery(pid: int) -> bool:
    return b"nursery" in Path(f"/proc/{pid}/cmdline").read_bytes()


# ---- one call ----------------------------------------------------------------------------


def test_a_call_whose_worker_dies_runs_again(pool: PvmPoolExecutor, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert pool.submit(pooled.die_once, str(mark)).result() == "done"
    assert lines(mark) == ["killed"]
    assert pool.stats().deaths == 1


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_a_call_that_ends_its_workers_fails_after_its_attempts(
    attempts: int, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    with PvmPoolExecutor(2, attempts=attempts) as pool:
        with pytest.raises(WorkerDied) as caught:
            pool.submit(pooled.leave, 7, str(mark)).result()
        died = caught.value
        assert lines(mark) == ["ran"] * attempts
        assert (died.status, died.output) == (7, "leaving with 7\n")
        assert "leave(7, " in died.item
        assert "exited with status 7" in str(died)
        assert pool.submit(pooled.square, 3).result() == 9


def test_death_by_a_signal_is_told(pool: PvmPoolExecutor) -> None:
    with pytest.raises(WorkerDied, match="signal 9") as caught:
        pool.submit(pooled.die, signal.SIGKILL).result()
    assert caught.value.status == -9


def test_calls_that_only_waited_at_a_dead_worker_are_not_to_blame(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    with PvmPoolExecutor(1, attempts=1, prefetch=4) as pool:
        list(pool.map(pooled.square, range(100)))  # very short calls: the worker gets many
        bad = pool.submit(pooled.leave, 1)
        others = [pool.submit(pooled.add_line, str(marks), f"{n}") for n in range(20)]
        assert isinstance(bad.exception(), WorkerDied)
        assert [f.result() for f in others] == [f"{n}" for n in range(20)]
    assert lines(marks) == [f"{n}" for n in range(20)]


def test_running_out_of_memory_is_an_exception(pool: PvmPoolExecutor) -> None:
    with pytest.raises(MemoryError):
        pool.submit(pooled.fill_memory, 1 << 28).result()
    assert pool.submit(pooled.square, 2).result() == 4


def test_a_stopped_worker_holds_up_only_what_it_has(pool: PvmPoolExecutor) -> None:
    stopped = ready(pool, 2)[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        futures = [pool.submit(pooled.square, n) for n in range(50)]
        wait_until(lambda: sum(f.done() for f in futures) >= 40, "the other worker's results")
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert [f.result() for f in futures] == [n * n for n in range(50)]
    assert pool.stats().deaths == 0


def test_a_stopped_worker_does_not_hold_up_large_calls_of_others(pool: PvmPoolExecutor) -> None:
    stopped = ready(pool, 2)[0]
    os.kill(stopped, signal.SIGSTOP)
    try:
        futures = [pool.submit(pooled.reverse, bytes(3_000_000)) for _ in range(10)]
        wait_until(lambda: sum(f.done() for f in futures) >= 9, "the other worker's results")
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert all(len(f.result()) == 3_000_000 for f in futures)


# ---- the pool ------------------------------------------------------------------------------


def test_workers_that_die_at_once_break_the_pool() -> None:
    told = pytest.raises(PoolBroken, match="exited with status 3")
    with PvmPoolExecutor(2, initializer=os._exit, initargs=(3,)) as pool, told:
        pool.submit(pooled.square, 1).result()


def test_a_killed_nursery_is_replaced(pool: PvmPoolExecutor) -> None:
    workers = ready(pool, 2)
    os.kill(parent_of(workers[0]), signal.SIGKILL)
    assert list(pool.map(pooled.square, range(2000))) == [n * n for n in range(2000)]
    wait_until(lambda: not set(workers) & set(ready(pool, 2)), "other workers")


def test_the_end_of_the_daemon_breaks_the_pool(pool: PvmPoolExecutor, tmp_path: Path) -> None:
    worker = ready(pool, 2)[0]
    future = pool.submit(pooled.wait_for_file, str(tmp_path / "never"))
    os.kill(parent_of(parent_of(worker)), signal.SIGKILL)
    with pytest.raises(PoolBroken):
        future.result(60)


# ---- at random -------------------------------------------------------------------------------


class Killer(threading.Thread):
    """Kills a worker of a pool now and then, now and then a nursery.

    results  that have come; without a new one nothing more is killed
    """

    def __init__(self, pool: PvmPoolExecutor, seed: int) -> None:
        super().__init__(daemon=True)
        self._pool = pool
        self._random = random.Random(seed)
        self._over = threading.Event()
        self.kills = 0
        self.results = 0
        self._before = -1

    def run(self) -> None:
        while not self._over.wait(self._random.uniform(0.0, 0.12)):
            workers = self._pool.workers
            if not workers or self._before == self.results:
                continue
            pid = self._random.choice(workers).pid
            with contextlib.suppress(OSError):
                # A worker whose nursery has just been killed may be another process's child.
                if self._random.random() < 0.1 and is_nursery(parent_of(pid)):
                    pid = parent_of(pid)
                os.kill(pid, self._random.choice([signal.SIGKILL, signal.SIGTERM]))
                self._before = self.results
                self.kills += 1

    def stop(self) -> None:
        self._over.set()
        self.join()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_result_of_ten_thousand_is_lost_or_doubled_while_workers_are_killed(seed: int) -> None:
    counts = [0] * 10_000
    with PvmPoolExecutor(3, attempts=1000) as pool:
        ready(pool, 3)
        killer = Killer(pool, seed)
        killer.start()
        try:
            for number in pool.map(pooled.identity, range(10_000), ordered=bool(seed % 2)):
                counts[number] += 1
                killer.results += 1
                if killer.results == 5000:
                    wait_until(lambda: killer.kills, "a death")
        finally:
            killer.stop()
    assert counts == [1] * 10_000


def test_a_lost_nurserys_workers_count_as_one_death(pool: PvmPoolExecutor) -> None:
    for _ in range(4):
        workers = ready(pool, 2)
        os.kill(parent_of(workers[0]), signal.SIGKILL)
        wait_until(lambda gone=workers: not {w.pid for w in pool.workers} & set(gone), "their end")
    assert pool.submit(pooled.square, 3).result() == 9
