# SPDX-License-Identifier: MIT
"""HPVM beside multiprocessing."""
