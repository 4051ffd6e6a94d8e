"""How a worker finds out whether it still answers."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from thalweg.config.options import Options


class ProbeOptions(Options):
    """What a worker asks itself, and how often.

    Without `on` it calls the method that is decorated with `@probe`.
    """

    on: str = Field("", description="An endpoint of the Executor to send `document` to, in place of its own probe.")
    document: dict[str, Any] | None = Field(None, description="The document that is sent; none where it is absent.")
    parameters: dict[str, Any] = Field({}, description="Parameters to send with it.")
    interval: float = Field(10.0, gt=0, description="Seconds from one probe's end to the next one.")
    timeout: float = Field(5.0, gt=0, description="Seconds that a probe may run; waiting for its turn does not count.")
    failures: int = Field(3, ge=1, description="Failures in a row after which the worker is not ready.")
    replace: bool = Field(
        True, description="Whether it is then replaced; else it stays, and is ready again when its probe passes."
    )

    @model_validator(mode="after")
    def _document_for_an_endpoint(self) -> Self:
        if not self.on and (self.document is not None or self.parameters):
            raise ValueError("a document or parameters need an endpoint to be sent to; name it as `on`")
        return self
