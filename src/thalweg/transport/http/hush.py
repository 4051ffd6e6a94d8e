"""Libraries that warn of what strangers send."""

from __future__ import annotations

import logging
from typing import Any


class Hushed(logging.LoggerAdapter[logging.Logger]):
    """Their warnings as details: nobody has to do anything about them, the caller is told, and whoever can connect could
    fill the log."""

    def warning(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.debug(msg, *args, **kwargs)

    def error(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Without an exception it tells of a caller who left before the answer began."""
        if kwargs.get("exc_info") is None:
            self.debug(msg, *args, **kwargs)
        else:
            super().error(msg, *args, **kwargs)

    @property
    def level(self) -> int:
        return self.logger.level


HUSHED = Hushed(logging.getLogger("thalweg.server"))
