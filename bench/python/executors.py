# SPDX-License-Identifier: MIT
"""Empty calls a second of other executors: python executors.py LIBRARY WORKERS SECONDS.

That of mpi4py is started by mpiexec -n WORKERS+1 python -m mpi4py.futures executors.py ...
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from pools import rate


def of_mpi4py(workers: int, seconds: float) -> float:
    """With mpi4py.futures."""
    from mpi4py.futures import MPIPoolExecutor  # noqa: PLC0415

    return rate(MPIPoolExecutor, workers, seconds)


def of_distributed(workers: int, seconds: float) -> float:
    """With dask.distributed, a process for each worker."""
    from distributed import Client, LocalCluster  # noqa: PLC0415

    cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        return rate(lambda _: client.get_executor(pure=False), workers, seconds)


class Ray(Executor):
    """Remote functions of ray as an executor, in a cluster of this machine alone."""

    def __init__(self, workers: int) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        import ray  # noqa: PLC0415

        self._ray = ray
        self._functions: dict[Callable[..., Any], Any] = {}
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
        )

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function somewhere."""
        if fn not in self._functions:
            self._functions[fn] = self._ray.remote(fn)
        future: Future[Any] = self._functions[fn].remote(*args, **kwargs).future()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the cluster."""
        self._ray.shutdown()


def of_ray(workers: int, seconds: float) -> float:
    """With ray."""
    return rate(Ray, workers, seconds)


LIBRARIES = {"mpi4py.futures": of_mpi4py, "distributed": of_distributed, "ray": of_ray}


def main() -> None:
    """Measure."""
    library, workers, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    print(LIBRARIES[library](workers, seconds))


if __name__ == "__main__":
    main()
