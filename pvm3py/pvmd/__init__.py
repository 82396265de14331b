# SPDX-License-Identifier: MIT
"""The daemon's control plane: decides; the switch (csrc/switch) moves the packets."""
