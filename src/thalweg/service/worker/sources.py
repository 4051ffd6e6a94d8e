"""Which files of the user's own a worker has loaded, and how it takes over what has changed in them."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from thalweg.executor.patching import Unpatchable, patch_of
from thalweg.service.control import Patched

if TYPE_CHECKING:
    from thalweg.executor.loading import Reference

OURS = Path(__file__).parents[2]
INSTALLED = frozenset({"site-packages", "dist-packages"})


class Sources:
    """The files behind one Executor, as they were when it was loaded.

    Args:
        texts: whether what stands in them is kept, so that functions can be patched.
    """

    def __init__(self, reference: Reference, texts: bool) -> None:
        self.files = sorted(set(_own_files(reference)))
        self._texts = {file: _text(file) for file in self.files if texts and file.endswith(".py")}

    def patch(self, number: int, files: Sequence[str]) -> Patched:
        """Take over what has changed in `files`: in all of them, or, with a problem, in none."""
        patches, texts = [], {}
        for file in files:
            if file not in self._texts:
                return Patched(number, problem=f"{file} is not one whose functions are patched")
            try:
                texts[file] = _text(file)
                patches.append(patch_of(file, self._texts[file], texts[file]))
            except SyntaxError as error:
                lines = "".join(traceback.format_exception_only(error))
                return Patched(number, problem=lines.rstrip(), broken=True)
            except (OSError, UnicodeDecodeError) as error:
                return Patched(number, problem=f"{file} cannot be read: {error}", broken=True)
            except Unpatchable as error:
                return Patched(number, problem=f"{file}: {error}")
        for patch in patches:
            patch.apply()
        self._texts |= texts
        return Patched(number, [name for patch in patches for name in patch.changed])


def _own_files(reference: Reference) -> Iterator[str]:
    if reference.kind == "yaml" and "\n" not in reference.text and Path(reference.text).is_file():
        yield str(Path(reference.text).resolve())
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py") and not _is_installed(Path(file)):
            yield file


def _is_installed(file: Path) -> bool:
    """Whether it belongs to Python, to a package that was installed, or to Thalweg."""
    folders = (OURS, sysconfig.get_path("stdlib"))
    return not INSTALLED.isdisjoint(file.parts) or any(file.is_relative_to(folder) for folder in folders)


def _text(file: str) -> str:
    return Path(file).read_text("utf-8")
