"""A tensor of one dimension as a row of blocks."""

from __future__ import annotations

from colorsys import hls_to_rgb
from typing import TYPE_CHECKING, Any

import numpy as np

from thalweg.docs.typing.array import to_numpy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions
    from rich.measure import Measurement
    from rich.text import Text

LONGEST_BAR = 200
"""A tensor of as many elements has no bar any more."""

_BLOCK = "▄"
_HEIGHTS = "▁▂▃▄▅▆▇█"
_HUE = 0.75


class Bar:
    """One block for each element, the brighter the greater; where there are no colours, the higher the greater."""

    def __init__(self, tensor: Any) -> None:
        self._shares = shares(to_numpy(tensor))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        bar = Text(overflow="fold")
        for share in self._shares:
            if console.color_system is None or console.no_color:
                bar.append(_HEIGHTS[round(share * (len(_HEIGHTS) - 1))] if share is not None else "·")
            else:
                bar.append(_BLOCK, _colour(share))
        yield bar

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        from rich.measure import Measurement

        width = min(len(self._shares), options.max_width)
        return Measurement(width, width)


def has_bar(tensor: Any) -> bool:
    """Whether a tensor is shown as a bar: one dimension, real numbers, and not too many."""
    shape = tuple(tensor.shape)
    return len(shape) == 1 and 0 < shape[0] < LONGEST_BAR and to_numpy(tensor).dtype.kind in "biuf"


def shares(array: np.ndarray[Any, Any]) -> list[float | None]:
    """Where each element is between the least, 0, and the greatest, 1; None for what is not finite."""
    numbers = array.astype(np.float64)
    finite = np.isfinite(numbers)
    if not finite.any():
        return [None] * len(numbers)
    least, greatest = numbers[finite].min(), numbers[finite].max()
    # Halved, because the span of two finite numbers need not be finite.
    span = (greatest / 2 - least / 2) or 1.0
    return [
        float((number / 2 - least / 2) / span) if known else None for number, known in zip(numbers, finite, strict=True)
    ]


def _colour(share: float | None) -> str:
    if share is None:
        return "bright_black"
    red, green, blue = hls_to_rgb(_HUE, 0.1 + 0.8 * share, 1.0)
    return f"rgb({round(red * 255)},{round(green * 255)},{round(blue * 255)})"
