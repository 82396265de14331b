# SPDX-License-Identifier: MIT
"""Resource managers: tasks that decide where other tasks run. docs/resource-managers.md."""

from .machine import Host, Order
from .manager import ResourceManager
from .policies import POLICIES, LeastLoaded, RoundRobin

__all__ = ["POLICIES", "Host", "LeastLoaded", "Order", "ResourceManager", "RoundRobin"]
