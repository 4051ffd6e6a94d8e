"""What all options are: values with descriptions, in whose names or texts the units stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from thalweg.config.secrets import hidden

Compression = Literal["gzip", "deflate"]


class Options(BaseModel):
    """A value: frozen, compared by content, unknown names refused."""

    # Most processes make a few of all options, or take them from another one: what checks them is built with the first.
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What is not as it always is, without anything that may be secret."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value != field.default:
                yield name, hidden(value, name)


def compression_by_name(value: Any) -> Any:
    """A way to pack messages under any name that gRPC's users know it by: `Gzip`, `NoCompression`, a number of gRPC's."""
    name = str(getattr(value, "name", value) or "").lower()
    return None if name in ("", "none", "nocompression") else name
