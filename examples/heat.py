# SPDX-License-Identifier: MIT
"""Heat that spreads over a plate: numpy, with a strip of rows for each task.

    pvm3py run -n 4 heat.py

The tasks are the members of the group "world". In each step neighbours exchange the rows at their
borders as buffers. The first member gathers the plate, and draws it where matplotlib is installed.
"""

from __future__ import annotations

import numpy as np

from pvm3py import Group, Task

SIZE = 96
STEPS = 400
UP, DOWN = 1, 2  # tags


def exchange(task: Task, strip: np.ndarray, above: int | None, below: int | None) -> None:
    """Fill the first and the last row with the neighbours'."""
    if above is not None:
        task.Send(strip[1], above, UP)
    if below is not None:
        task.Send(strip[-2], below, DOWN)
        task.Recv(strip[-1], below, UP)
    if above is not None:
        task.Recv(strip[0], above, DOWN)


def step(strip: np.ndarray) -> None:
    """Each point becomes the mean of its neighbours; the plate's border stays."""
    strip[1:-1, 1:-1] = (
        strip[:-2, 1:-1] + strip[2:, 1:-1] + strip[1:-1, :-2] + strip[1:-1, 2:]
    ) / 4


def spread(task: Task, group: Group) -> np.ndarray | None:
    """The whole plate at the end, on the first member."""
    me, size = group.instance, group.size
    rows = SIZE // size
    strip = np.zeros((rows + 2, SIZE))
    strip[:, 0] = 100.0  # the left border is hot
    above = group[me - 1] if me > 0 else None
    below = group[me + 1] if me < size - 1 else None
    for _ in range(STEPS):
        exchange(task, strip, above, below)
        step(strip)
    strips = group.gather(strip[1:-1])
    return None if strips is None else np.concatenate(strips)


def draw(plate: np.ndarray) -> None:
    """Write a picture, if matplotlib is there."""
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415
    except ImportError:
        print("without matplotlib there is no picture")
        return
    plt.imshow(plate, cmap="inferno")
    plt.savefig("heat.png")
    print("the picture is heat.png")


def main() -> None:
    """Spread the heat, and look at the plate."""
    with Task() as task, task.group("world") as group:
        plate = spread(task, group)
        if plate is not None:
            print(f"mean temperature {plate.mean():.2f} after {STEPS} steps")
            draw(plate)


if __name__ == "__main__":
    main()
