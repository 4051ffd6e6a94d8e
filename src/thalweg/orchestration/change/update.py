"""What `update` gives back: what was changed, and what becomes of a canary."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from thalweg.orchestration.change.changeover import Changed
from thalweg.orchestration.session import Session


class Update:
    """A change of a running Flow or Deployment.

    Without a canary it is done. With one, the new version has its share of the requests until `promote` or `abort`; one
    that is not ready any more is taken back by itself, and that is logged.
    """

    def __init__(self, session: Session, changed: Changed, canary: float | None, commit: Callable[[], None]) -> None:
        self._session = session
        self._commit = commit
        self.canary = canary
        """The share of the new version at first; None where it has all requests already."""
        self.replaced = changed.replaced
        """Executors whose processes are new ones."""
        self.added = changed.added
        self.removed = changed.removed
        self.scaled = changed.scaled
        """Executors that have another number of replicas."""
        self._text = str(changed)

    def promote(self) -> None:
        """Give the new version all requests. Returns when nothing of the old one is left.

        Raises:
            ConfigurationError: there is no canary any more.
            StartupFailed: a further replica did not become ready. All is as it was before the update.
        """
        self._session.promote()
        self._commit()

    def abort(self) -> None:
        """Give the old version all requests again, and end the new one.

        Raises:
            ConfigurationError: there is no canary any more.
        """
        self._session.abort()

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<Update: {self._text}>"


class AsyncUpdate:
    """The same for an `AsyncFlow`."""

    def __init__(self, update: Update) -> None:
        self._update = update
        self.canary = update.canary
        self.replaced = update.replaced
        self.added = update.added
        self.removed = update.removed
        self.scaled = update.scaled

    async def promote(self) -> None:
        """See `Update.promote`."""
        await asyncio.to_thread(self._update.promote)

    async def abort(self) -> None:
        """See `Update.abort`."""
        await asyncio.to_thread(self._update.abort)

    def __str__(self) -> str:
        return str(self._update)

    def __repr__(self) -> str:
        return repr(self._update)
