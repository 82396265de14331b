# SPDX-License-Identifier: MIT
"""The command `trace`: which events the tasks trace that are spawned by the console."""
