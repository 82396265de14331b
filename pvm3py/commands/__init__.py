# SPDX-License-Identifier: MIT
"""Small commands of `pvm3py`, each a module with `main(arguments, program)`."""
