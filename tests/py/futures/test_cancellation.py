# SPDX-License-Identifier: MIT
"""Calls that are cancelled, pools that are interrupted, programs that vanish."""

from __future__ import annotations

import concurrent.futures as cf
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from support.machines.vm import wait_until
from support.programs import pooled
from support.system import PATIENCE, PROJECT, modules_dir

from pvm3py.futures import PvmPoolExecutor


def busy(pool: PvmPoolExecutor, go: Path) -> cf.Future[int]:
    """A call that the worker is running, until `go` is there."""
    future = pool.submit(pooled.wait_for_file, str(go))
    wait_until(Path(f"{go}.waiting").exists, "the call runs")
    return future


def test_what_waits_can_be_cancelled_and_never_runs(tmp_path: Path) -> None:
    go, mark = tmp_path / "go", tmp_path / "mark"
    with PvmPoolExecutor(1) as pool:
        running = busy(pool, go)
        waiting = pool.submit(pooled.add_line, str(mark), "ran")
        assert not running.cancel()
        assert waiting.cancel()
        go.touch()
        assert running.result() > 0
    assert not mark.exists()


def test_what_is_done_cannot_be_cancelled(pool: PvmPoolExecutor) -> None:
    future = pool.submit(pooled.square, 3)
    assert future.result() == 9
    assert not future.cancel()


@pytest.mark.parametrize("seed", range(10))
def test_a_cancelled_call_never_runs_whenever_that_happens(seed: int, tmp_path: Path) -> None:
    """A call runs exactly if it could not be cancelled, at every point of its way."""
    chance = random.Random(seed)
    mark = tmp_path / "mark"
    with PvmPoolExecutor(2) as pool:
        futures = [pool.submit(pooled.add_line, str(mark), f"{n}") for n in range(300)]
        kept = {
            n for n, future in enumerate(futures) if chance.random() < 0.5 or not future.cancel()
        }
        cf.wait(futures)
        assert {n for n, f in enumerate(futures) if not f.cancelled()} == kept
    assert sorted(map(int, mark.read_text().split())) == sorted(kept)


def test_shutdown_can_cancel_what_waits(tmp_path: Path) -> None:
    go = tmp_path / "go"
    pool = PvmPoolExecutor(1)
    running = busy(pool, go)
    others = [pool.submit(pooled.square, n) for n in range(10)]
    pool.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in others)
    go.touch()
    assert running.result() > 0


def test_an_abandoned_map_cancels_what_waits(tmp_path: Path) -> None:
    go, mark = tmp_path / "go", tmp_path / "mark"
    with PvmPoolExecutor(1) as pool:
        busy(pool, go)
        results = pool.starmap(pooled.add_line, [(str(mark), "ran")] * 10, timeout=0.01)
        with pytest.raises(TimeoutError):
            next(results)
        go.touch()
    assert not mark.exists()


def test_an_interrupted_block_kills_its_workers(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), PvmPoolExecutor(1) as pool:
        running = busy(pool, tmp_path / "never")
        waiting = pool.submit(pooled.square, 1)
        raise KeyboardInterrupt
    assert isinstance(running.exception(0), cf.BrokenExecutor)
    assert waiting.cancelled()


# ---- programs of their own ---------------------------------------------------------------------

_SCRIPT = """
import sys, time
from pvm3py.futures import PvmPoolExecutor

def work(path):
    open(path, "w").close()
    time.sleep(3600)

if __name__ == "__main__":
    with PvmPoolExecutor(2) as pool:
        print(pool.submit(pow, 2, 3).result(), flush=True)
        pool.submit(work, sys.argv[1]).result()
"""


def start(tmp_path: Path) -> tuple[subprocess.Popen[str], Path]:
    """A program whose worker runs for ever."""
    script, mark = tmp_path / "script.py", tmp_path / "mark"
    script.write_text(_SCRIPT)
    environment = os.environ | {
        "PYTHONPATH": str(modules_dir()),
        "TMPDIR": tempfile.gettempdir(),
        "PVM3PY_TEST": str(tmp_path),
    }
    process = subprocess.Popen(
        [sys.executable, script, mark],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=PROJECT / "tests",
    )
    wait_until(mark.exists, "the call runs")
    return process, mark


def of(tmp_path: Path) -> list[int]:
    """Processes of the program and its machine."""
    mark = f"PVM3PY_TEST={tmp_path}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def test_ctrl_c_ends_a_program_and_its_workers(tmp_path: Path) -> None:
    process, _ = start(tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert out == "8\n"
    assert "KeyboardInterrupt" in err
    wait_until(lambda: not of(tmp_path), "all processes gone")


def test_nothing_is_left_of_a_program_that_is_killed(tmp_path: Path) -> None:
    process, _ = start(tmp_path)
    process.kill()
    process.communicate(timeout=PATIENCE)
    wait_until(lambda: not of(tmp_path), "all processes gone")
    wait_until(lambda: not os.listdir(tempfile.gettempdir()), "its directory gone")
