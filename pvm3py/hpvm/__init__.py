# SPDX-License-Identifier: MIT
"""HPVM: kernels for every architecture, and one machine out of many hosts."""
