# SPDX-License-Identifier: MIT
"""Ends of a connection that are nothing but sockets: they can break every rule."""
