"""Waiting for a database that shows what was written only some time later."""

from __future__ import annotations

import time
from collections.abc import Callable

from thalweg.errors import DeadlineExceeded

_FIRST = 0.002
_LONGEST = 0.5


def wait_until(visible: Callable[[], bool], seconds: float, awaited: str) -> None:
    """Ask `visible` again and again, less and less often, until it is true.

    Raises:
        DeadlineExceeded: it is not after so many seconds; the message names what was `awaited`.
    """
    end = time.monotonic() + seconds
    pause = _FIRST
    while not visible():
        left = end - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(
                f"{awaited} did not come within {seconds:g} seconds. What was written is kept and may be seen later; a "
                "larger `timeout` waits longer."
            )
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST)
