# SPDX-License-Identifier: MIT
"""PvmPoolExecutor as concurrent.futures has executors, and what becomes of errors."""

from __future__ import annotations

import array
import asyncio
import concurrent.futures as cf
import itertools
import os
import sys
import threading
import time
from pathlib import Path

import pytest
from support.machines.vm import wait_until
from support.programs import pooled

from pvm3py.futures import PoolBroken, PvmPoolExecutor, RemoteTraceback
from pvm3py.futures.nursery import GRACE

# ---- what executors do -----------------------------------------------------------------


def test_map_of_ten_thousand_with_nothing_started_before() -> None:
    with PvmPoolExecutor() as pool:
        assert list(pool.map(pooled.square, range(10_000))) == [n * n for n in range(10_000)]


def test_submit_takes_arguments_and_keywords(pool: PvmPoolExecutor) -> None:
    assert pool.submit(divmod, 7, 2).result() == (3, 1)
    assert pool.submit(sorted, [1, 3, 2], reverse=True).result() == [3, 2, 1]


def test_wait_and_as_completed_work_with_its_futures(pool: PvmPoolExecutor) -> None:
    futures = [pool.submit(pooled.square, n) for n in range(20)]
    assert {f.result() for f in cf.as_completed(futures)} == {n * n for n in range(20)}
    done, others = cf.wait([pool.submit(pooled.square, n) for n in range(5)])
    assert len(done) == 5
    assert not others


def test_a_callback_of_a_future_may_submit(pool: PvmPoolExecutor) -> None:
    second: cf.Future[int] = cf.Future()

    def go_on(first: cf.Future[int]) -> None:
        pool.submit(pooled.square, first.result()).add_done_callback(
            lambda future: second.set_result(future.result())
        )

    pool.submit(pooled.square, 3).add_done_callback(go_on)
    assert second.result(60) == 81


def test_asyncio_awaits_its_futures(pool: PvmPoolExecutor) -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        first = await loop.run_in_executor(pool, pooled.square, 4)
        return [first, await asyncio.wrap_future(pool.submit(pooled.square, 5))]

    assert asyncio.run(main()) == [16, 25]


def test_threads_submit_at_once(pool: PvmPoolExecutor) -> None:
    results: list[int] = []

    def submit(start: int) -> None:
        results.extend(pool.map(pooled.square, range(start, start + 300)))

    threads = [threading.Thread(target=submit, args=(300 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [n * n for n in range(1200)]


def test_two_pools_do_not_take_each_others_results() -> None:
    with PvmPoolExecutor(1) as one, PvmPoolExecutor(1) as two:
        pairs = zip(one.map(pooled.square, range(500)), two.map(str, range(500)), strict=True)
        assert list(pairs) == [(n * n, str(n)) for n in range(500)]


def test_large_buffers_travel_both_ways(pool: PvmPoolExecutor) -> None:
    data = array.array("d", range(200_000)).tobytes()
    assert pool.submit(pooled.reverse, bytearray(data)).result() == data[::-1]
    many = [os.urandom(300_000) for _ in range(20)]
    assert list(pool.map(pooled.reverse, many)) == [piece[::-1] for piece in many]


def test_what_workers_print_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with PvmPoolExecutor(1) as pool:
        pool.submit(pooled.say, "hello from a worker").result()
    assert "hello from a worker\n" in capsys.readouterr().out


def test_workers_have_the_programs_directory(pool: PvmPoolExecutor) -> None:
    pid, directory = pool.submit(pooled.where).result()
    assert pid != os.getpid()
    assert directory == os.getcwd()


def test_workers_do_not_load_what_they_do_not_need(pool: PvmPoolExecutor) -> None:
    assert {"numpy", "asyncio"}.isdisjoint(pool.submit(pooled.modules).result())


# ---- maps --------------------------------------------------------------------------------


@pytest.mark.parametrize("chunksize", [1, 7, 5000, "auto"])
@pytest.mark.parametrize("buffersize", [None, 1, 50])
def test_chunks_and_limits_change_no_result(
    pool: PvmPoolExecutor, chunksize: int, buffersize: int | None
) -> None:
    results = pool.map(pooled.square, range(300), chunksize=chunksize, buffersize=buffersize)
    assert list(results) == [n * n for n in range(300)]


@pytest.mark.parametrize("chunksize", [1, 10, "auto"])
def test_unordered_results_are_all_there(pool: PvmPoolExecutor, chunksize: int) -> None:
    results = pool.map(pooled.square, range(300), ordered=False, chunksize=chunksize)
    assert sorted(results) == [n * n for n in range(300)]


def test_unordered_results_come_as_they_are_done(pool: PvmPoolExecutor) -> None:
    results = pool.map(pooled.nap, [2.0, 0.0], ordered=False)
    assert list(results) == [0.0, 2.0]


def test_a_map_of_nothing_is_empty(pool: PvmPoolExecutor) -> None:
    for chunksize in (1, 5, "auto"):
        assert list(pool.map(pooled.square, [], chunksize=chunksize)) == []


@pytest.mark.parametrize("chunksize", [1, 3, "auto"])
def test_an_endless_iterable_is_read_as_far_as_the_limit(
    pool: PvmPoolExecutor, chunksize: int
) -> None:
    read = itertools.count()
    results = pool.map(pooled.square, read, buffersize=10, chunksize=chunksize)
    assert [next(results) for _ in range(50)] == [n * n for n in range(50)]
    results.close()
    assert next(read) <= 50 + 10


def test_starmap_gives_each_call_its_arguments(pool: PvmPoolExecutor) -> None:
    assert list(pool.starmap(pow, [(2, 3), (3, 2)], chunksize=2)) == [8, 9]


@pytest.mark.parametrize("chunksize", [1, 4])
def test_an_exception_comes_in_its_place(pool: PvmPoolExecutor, chunksize: int) -> None:
    results = pool.starmap(divmod, [(4, 2), (5, 2), (1, 0), (3, 1)], chunksize=chunksize)
    assert [next(results), next(results)] == [(2, 0), (2, 1)]
    with pytest.raises(ZeroDivisionError) as caught:
        next(results)
    assert isinstance(caught.value.__cause__, RemoteTraceback)


def test_fetching_ends_with_the_time(pool: PvmPoolExecutor, tmp_path: Path) -> None:
    go = tmp_path / "go"
    results = pool.map(pooled.wait_for_file, [str(go)], timeout=0.1)
    with pytest.raises(TimeoutError):
        next(results)
    go.touch()


def test_progress_is_shown_and_changes_no_result(pool: PvmPoolExecutor) -> None:
    assert list(pool.map(pooled.square, range(30), progress=True)) == [n * n for n in range(30)]


# ---- errors ------------------------------------------------------------------------------


def test_an_exception_has_the_workers_traceback(pool: PvmPoolExecutor) -> None:
    with pytest.raises(LookupError, match="nothing") as caught:
        pool.submit(pooled.fail, "nothing").result()
    assert "in fail" in str(caught.value.__cause__)


def test_unpicklable_things_fail_their_own_future(pool: PvmPoolExecutor) -> None:
    with pytest.raises(TypeError, match="pickle"):
        pool.submit(pooled.unpicklable).result()
    with pytest.raises(TypeError, match="pickle"):
        pool.submit(pooled.square, threading.Lock()).result()
    with pytest.raises(RuntimeError, match="Odd: 1 2"):
        pool.submit(pooled.raise_odd).result()
    with pytest.raises(ValueError, match="not here"):
        pool.submit(pooled.explosive).result()
    assert pool.submit(pooled.square, 3).result() == 9


def test_a_lambda_works_with_cloudpickle_or_says_that_it_needs_it(pool: PvmPoolExecutor) -> None:
    future = pool.submit(lambda x: x + 1, 1)
    try:
        import cloudpickle  # noqa: F401, PLC0415
    except ImportError:
        with pytest.raises(TypeError, match="install cloudpickle"):
            future.result()
    else:
        assert future.result() == 2


def test_a_function_that_exits_is_an_exception_and_no_death(pool: PvmPoolExecutor) -> None:
    with pytest.raises(SystemExit):
        pool.submit(sys.exit, 3).result()
    assert pool.stats().deaths == 0


def test_an_initializer_runs_in_each_worker() -> None:
    with PvmPoolExecutor(2, initializer=pooled.give, initargs=("a gift",)) as pool:
        for future in [pool.submit(pooled.given) for _ in range(10)]:
            assert future.result() == ["a gift"]


def test_an_initializer_that_raises_breaks_the_pool_with_its_traceback() -> None:
    with PvmPoolExecutor(2, initializer=pooled.fail, initargs=("no luck",)) as pool:
        with pytest.raises(cf.BrokenExecutor, match="initializer") as caught:
            pool.submit(pooled.square, 1).result()
        assert "no luck" in str(caught.value.__cause__)
        wait_until(lambda: not pool.workers, "the workers are gone")
        with pytest.raises(PoolBroken):
            pool.submit(pooled.square, 1)


def test_wrong_numbers_are_refused() -> None:
    for option in ("max_workers", "attempts", "per_host", "prefetch"):
        with pytest.raises(ValueError, match=option):
            PvmPoolExecutor(**{option: 0})


def test_options_of_a_map_are_checked(pool: PvmPoolExecutor) -> None:
    with pytest.raises(ValueError, match="chunksize"):
        pool.map(pooled.square, [1], chunksize=0)
    with pytest.raises(ValueError, match="buffersize"):
        pool.map(pooled.square, [1], buffersize=0)


# ---- the end -----------------------------------------------------------------------------


def test_nothing_is_taken_after_shutdown() -> None:
    pool = PvmPoolExecutor(1)
    futures = [pool.submit(pooled.square, n) for n in range(10)]
    pool.shutdown()
    assert [f.result(0) for f in futures] == [n * n for n in range(10)]
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(pooled.square, 1)
    pool.shutdown()


def test_shutdown_need_not_wait() -> None:
    pool = PvmPoolExecutor(1)
    future = pool.submit(pooled.nap, 0.3)
    pool.shutdown(wait=False)
    assert future.result(60) == 0.3


def test_a_pool_that_is_dropped_ends() -> None:
    pool = PvmPoolExecutor(1)
    future = pool.submit(pooled.square, 3)
    del pool
    assert future.result(60) == 9


def test_statistics_tell_of_each_worker(pool: PvmPoolExecutor) -> None:
    assert list(pool.map(pooled.square, range(100))) == [n * n for n in range(100)]
    figures = pool.stats()
    assert sum(worker.done for worker in figures.workers) == 100
    assert (figures.waiting, figures.deaths) == (0, 0)
    assert figures.workers == pool.workers


def test_pools_follow_each_other() -> None:
    for _ in range(3):
        with PvmPoolExecutor(1) as pool:
            assert pool.submit(pooled.square, 2).result() == 4


def test_a_pool_without_any_call_ends_at_once() -> None:
    start = time.monotonic()
    with PvmPoolExecutor(1):
        pass
    assert time.monotonic() - start < GRACE


def test_numbers_that_are_none_are_named(pool: PvmPoolExecutor) -> None:
    with pytest.raises(TypeError, match="max_workers is a number, not str"):
        PvmPoolExecutor("2")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="chunksize is at least 1, or \"auto\", not 'big'"):
        pool.map(pooled.square, [1], chunksize="big")  # type: ignore[arg-type]


def test_pool_shows_its_name_and_workers(pool: PvmPoolExecutor) -> None:
    pool.submit(pooled.square, 1).result()
    assert repr(pool).startswith("<PvmPoolExecutor 'pool', ")
    assert repr(pool).endswith(f"{len(pool.workers)} workers>")
