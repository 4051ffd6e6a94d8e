"""pyarrow, which this package is nothing without."""

from __future__ import annotations

from typing import Any

from thalweg.docs.extras import load_extra

pa: Any = load_extra("pyarrow", "arrow", "Arrow tables")
pc: Any = load_extra("pyarrow.compute", "arrow", "Arrow tables")
