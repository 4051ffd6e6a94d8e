"""How requests to one endpoint are joined into batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from thalweg.config.options import Options

DEFAULT_TIMEOUT_MS = 10_000.0


class BatchingOptions(Options):
    """A value. What is left out says nothing, so that several can be laid over each other."""

    preferred_batch_size: int | None = Field(
        None, gt=0, description="Most documents of one call; with `use_custom_metric` most of what that counts."
    )
    timeout: float = Field(
        DEFAULT_TIMEOUT_MS, ge=0, allow_inf_nan=False, description="Milliseconds that a document waits for company."
    )
    flush_all: bool = Field(
        False, description="Whether a batch that is full takes everything that waits, also beyond its size."
    )
    # Code has no place in a file, and none in the schema of one.
    custom_metric: SkipJsonSchema[Callable[[Any], float] | None] = Field(
        None, description="What one document counts, such as its tokens or bytes; called with the document."
    )
    use_custom_metric: bool = Field(False, description="Whether documents count as `custom_metric` says, or one each.")
    use_dynamic_batching: bool = Field(True, description="Whether there are batches at all.")
    objective_ms: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Milliseconds that a document may take, waiting included: size and wait are then found for it.",
    )
    isolate_errors: bool = Field(
        True, description="Whether a batch that fails is tried again in parts, so that only the culprit gets the error."
    )

    def over(self, earlier: BatchingOptions | None) -> BatchingOptions:
        """`earlier`, with everything that this one says in its place."""
        if earlier is None:
            return self
        said = {name: getattr(self, name) for name in self.model_fields_set}
        return earlier.model_copy(update=said)

    @model_validator(mode="after")
    def _a_metric_where_one_is_used(self) -> Self:
        if self.flush_all and self.objective_ms is not None:
            raise ValueError("flush_all and objective_ms exclude each other: one takes all, the other looks for a size")
        return self


def batching_of(options: Mapping[str, BatchingOptions], path: str, method: str) -> BatchingOptions | None:
    """What `options` say of the endpoint `path`: under its own name, laid over what they say under its method's."""
    own = options.get(path) or options.get(path.removeprefix("/"))
    general = options.get(method)
    return own.over(general) if own is not None else general
