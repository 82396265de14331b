# SPDX-License-Identifier: MIT
"""Run the cells of a notebook in a Jupyter kernel: python notebook.py < cells > what they show.

Cells are a list of texts in JSON; so is the answer, a list of what each cell shows: "text" that
it prints, "html" of its displays, and its "error", a list of lines.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from jupyter_client.manager import KernelManager

TIMEOUT = 60  # seconds of a cell


class Shown:
    """What a cell shows."""

    def __init__(self) -> None:
        self.text = ""
        self.html: list[str] = []
        self.error: list[str] = []

    def take(self, message: dict[str, Any]) -> None:
        """A message of the kernel."""
        content = message["content"]
        if message["msg_type"] == "stream":
            self.text += content["text"]
        elif message["msg_type"] == "error":
            self.error += content["traceback"]
        elif "text/html" in content.get("data", {}):
            self.html.append(content["data"]["text/html"])


def main(directory: str) -> None:
    """Run the cells; sockets are in a directory."""
    kernel = KernelManager(transport="ipc", ip=f"{directory}/kernel")
    kernel.start_kernel()
    client = kernel.client()
    client.start_channels()
    shown = []
    try:
        client.wait_for_ready(timeout=TIMEOUT)
        for cell in json.load(sys.stdin):
            one = Shown()
            client.execute_interactive(
                cell, output_hook=one.take, allow_stdin=False, timeout=TIMEOUT
            )
            shown.append(vars(one))
    finally:
        client.stop_channels()
        kernel.shutdown_kernel()
    json.dump(shown, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
