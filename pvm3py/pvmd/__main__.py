# SPDX-License-Identifier: MIT
"""python -m pvm3py.pvmd"""

import sys

from .main import main

sys.exit(main())
