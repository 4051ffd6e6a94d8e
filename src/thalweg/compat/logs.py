"""Jina's logger, on the standard one."""

from __future__ import annotations

import logging
from typing import Any

SUCCESS = 25
logging.addLevelName(SUCCESS, "SUCCESS")


class JinaLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs under `thalweg.<context>`. Files, colours and formats are those of `logging`."""

    def __init__(self, context: str, name: str | None = None, **_options: Any) -> None:
        super().__init__(logging.getLogger(f"thalweg.{name or context}"), {})
        self.context = context

    def success(self, message: str, *arguments: Any, **options: Any) -> None:
        """Between a warning and a note."""
        self.log(SUCCESS, message, *arguments, **options)

    def close(self) -> None:
        """There is nothing to close."""


default_logger = JinaLogger("JINA")
