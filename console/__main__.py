"""``python -m console`` is ``recert``: for children that must not depend on what PATH says."""

from __future__ import annotations

import sys

from console.cli import main

sys.exit(main())
