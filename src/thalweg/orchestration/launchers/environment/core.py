"""What Thalweg itself needs, as far as an environment over this one has to know of it.

An environment of an Executor lies over the one in which Thalweg runs. Installers do not look below, so they are told what is
there: each library of the core is noted in the environment as installed, without a file of its own. What an Executor's
requirements are content with is then not installed again; what they want in another version replaces the note, and is found
first.
"""

from __future__ import annotations

import re
import shutil
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

NAME = "thalweg"
KEPT = ("METADATA", "WHEEL")
"""Files of a distribution's notes that installers read."""

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][\w.\-]*)\s*(\[[^\]]*\])?\s*(.*)\Z", re.DOTALL)


def core() -> list[Distribution]:
    """Thalweg and all that it needs, its extras aside, sorted by name; nothing where it is not installed but only found."""
    found: dict[str, Distribution] = {}
    waiting = [NAME]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = here = distribution(name)
        except PackageNotFoundError:  # for another system, as its marker says
            continue
        waiting += [normal(text) for text in here.requires or () if not _is_extra(text)]
    return [found[name] for name in sorted(found)]


def constraints() -> list[str]:
    """Between which versions an Executor's own libraries may be, so that Thalweg still runs."""
    try:
        here = distribution(NAME)
    except PackageNotFoundError:
        return []
    return [f"{NAME}=={here.version}", *(text for text in here.requires or () if not _is_extra(text))]


def write_notes(site: Path, distributions: list[Distribution]) -> None:
    """Note in the folder `site` of an environment that they are installed."""
    for each in distributions:
        name = normal(each.metadata["Name"]).replace("-", "_")
        folder = site / f"{name}-{each.version}.dist-info"
        folder.mkdir()
        texts = {file: text for file in KEPT if (text := each.read_text(file)) is not None}
        texts["INSTALLER"] = f"{NAME}\n"
        texts["RECORD"] = "".join(f"{folder.name}/{file},,\n" for file in (*texts, "RECORD"))
        for file, text in texts.items():
            (folder / file).write_text(text, "utf-8")


def normal(text: str) -> str:
    """The name in a requirement, as indexes write it."""
    match = _REQUIREMENT.match(text)
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""


def _is_extra(requirement: str) -> bool:
    return "extra ==" in requirement.partition(";")[2].replace("==", " == ").replace("  ", " ")


def discard(folder: Path) -> None:
    """Remove an environment that was not finished."""
    shutil.rmtree(folder, ignore_errors=True)
