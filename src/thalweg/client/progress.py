"""The bar that shows how far a long call is."""

from __future__ import annotations

import sys
from collections.abc import Sized
from typing import TYPE_CHECKING, Protocol, Self

from thalweg.docs import BaseDocWithoutId

if TYPE_CHECKING:
    from rich.progress import Progress


class ProgressBar(Protocol):
    """Told of each request that has ended."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def advance(self, documents: int) -> None: ...


def progress_bar(endpoint: str, inputs: object, wanted: bool) -> ProgressBar:
    """A bar on the standard error, where it is wanted and that is a terminal; else one that shows nothing."""
    if not wanted or not sys.stderr.isatty():
        return _Nothing()
    total = 1 if isinstance(inputs, BaseDocWithoutId) else len(inputs) if isinstance(inputs, Sized) else None
    return _Drawn(endpoint, total)


class _Nothing:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing was drawn."""

    def advance(self, documents: int) -> None:
        """Nobody looks."""


class _Drawn:
    def __init__(self, endpoint: str, total: int | None) -> None:
        self._progress = _progress()
        self._task = self._progress.add_task(endpoint, total=total, speed="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def advance(self, documents: int) -> None:
        self._progress.advance(self._task, documents)
        speed = self._progress.tasks[0].speed
        if speed:
            self._progress.update(self._task, speed=f"{speed:.0f} docs/s")


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
