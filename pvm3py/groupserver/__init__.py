# SPDX-License-Identifier: MIT
"""The group server: members of dynamic and static groups, barriers (csrc/libgpvm is the client)."""
