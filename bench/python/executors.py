# SPDX-License-Identifier: MIT
"""Empty calls a second of other executors: python executors.py LIBRARY WORKERS SECONDS.

That of mpi4py is started by mpiexec -n WORKERS+1 python -m mpi4py.futures executors.py ...
"""

from __future__ import annotations

import sys

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


LIBRARIES = {"mpi4py.futures": of_mpi4py, "distributed": of_distributed}


def main() -> None:
    """Measure."""
    library, workers, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    print(LIBRARIES[library](workers, seconds))


if __name__ == "__main__":
    main()
