"""How the documents of an Executor are divided among its shards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thalweg.config.objects import ObjectReference, object_reference
from thalweg.config.shards import ALL_UNLESS_SAID, Polling, ShardOptions, polled
from thalweg.errors import ExecutorFailed, InvalidDocument
from thalweg.message import ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT

if TYPE_CHECKING:
    from thalweg.docs import BaseDocWithoutId

Key = Callable[[Any], str]


def sharded(options: ShardOptions) -> bool:
    """Whether more than one group of replicas works for the Executor."""
    return options.shards > 1 or options.uses_before is not None or options.uses_after is not None


@dataclass(frozen=True)
class Division:
    """What the Gateway knows of the shards of one Executor. It can be sent to another process."""

    shards: int
    polling: Polling | Mapping[str, Polling] | None = None
    key: str | ObjectReference = "id"
    reduce: bool = True

    @classmethod
    def of(cls, options: ShardOptions) -> Division:
        """Imports nothing.

        Raises:
            ConfigurationError: the function for the key cannot be sent to another process.
        """
        key = options.shard_key
        if callable(key) or ":" in key:
            key = object_reference(key, "shard_key")
        return cls(options.shards, options.polling, key, options.reduce)

    def asks_all(self, endpoint: str) -> bool:
        """Whether a request goes to all shards, not only to those to which its documents belong."""
        return polled(self.polling, endpoint) == "ALL"

    def asked(self, description: ServiceDescription) -> set[str]:
        """The endpoints at which a request may come; of an Executor that answers everything, those of which it is said here
        how they are divided."""
        paths = {endpoint.path for endpoint in description.endpoints}
        if DEFAULT_ENDPOINT in paths:
            paths |= ALL_UNLESS_SAID | (self.polling.keys() if isinstance(self.polling, Mapping) else set())
        return paths

    def reader(self) -> Key:
        """What gives the key of a document. Imports the function where it is one.

        Raises:
            ConfigurationError: there is no such function.
        """
        if isinstance(self.key, ObjectReference):
            return _Called(self.key.resolve(), self.key.text)
        return identity if self.key == "id" else _Field(self.key)


def identity(document: Any) -> str:
    """The key of a document where nothing else is said: its id."""
    return str(document.id)


class _Field:
    """The value at a path such as `tags.user`, through documents and mappings."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._names = path.replace("__", ".").split(".")

    def __call__(self, document: Any) -> str:
        here = document
        for name in self._names:
            here = here.get(name) if isinstance(here, Mapping) else getattr(here, name, None)
        return _text(here, f"{self._path!r}", document)


class _Called:
    """What a function of the user's gives."""

    def __init__(self, function: Callable[[Any], Any], name: str) -> None:
        self._function = function
        self._name = name

    def __call__(self, document: Any) -> str:
        try:
            key = self._function(document)
        except Exception as error:
            raise ExecutorFailed(
                f"shard_key {self._name!r} failed for document {document.id!r}: {type(error).__name__}: {error}",
                cause=type(error).__name__,
            ) from error
        return _text(key, f"what {self._name!r} gives", document)


def _text(key: Any, what: str, document: BaseDocWithoutId) -> str:
    """The key as text: 5 and 5.0 are one, since numbers lose their kind on some ways."""
    if isinstance(key, str):
        return key
    if isinstance(key, (int, float)):
        return str(int(key)) if key == int(key) else repr(float(key))
    raise InvalidDocument(
        f"The document {getattr(document, 'id', '')!r} cannot be given to a shard: {what} is {_kind(key)}; text or a number "
        f"is needed.",
        details=[{"loc": ["data"], "msg": f"{what} is {_kind(key)}", "type": "shard_key"}],
    )


def _kind(key: Any) -> str:
    return "missing" if key is None else f"of type {type(key).__name__}"
