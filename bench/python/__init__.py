# SPDX-License-Identifier: MIT
"""Python tasks beside other libraries: `python -m bench.python`."""
