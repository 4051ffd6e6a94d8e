"""Parts of RESULTS.md: each program writes its own, and leaves the others as they are."""

from __future__ import annotations

from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def replaced(text: str, heading: str, section: str) -> str:
    """`text` with `section`, which begins with the line `heading`, in place of the one that began so; at the end where
    there was none."""
    mark = f"\n{heading}\n"
    before, found, after = f"\n{text}".partition(mark)
    following = after.find("\n## ") if found else -1
    rest = after[following:].strip("\n") if following >= 0 else ""
    parts = (before.strip("\n"), section.strip("\n"), rest)
    return "\n\n".join(part for part in parts if part) + "\n"


def write_section(heading: str, section: str, file: Path = RESULTS) -> None:
    """Put `section` into the file."""
    file.write_text(replaced(file.read_text("utf-8"), heading, section), "utf-8")
