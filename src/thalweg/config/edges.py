"""How a node of a Flow stands in the graph."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from thalweg.config.options import Options


class EdgeOptions(Options):
    """What a node reads, which of it, and what becomes of its answer. `needs` None means: the node added before it."""

    needs: tuple[str, ...] | None = Field(None, description="Names of the Executors whose output this one reads.")
    when: dict[str, Any] = Field(
        {}, description="Condition of the query language: only documents that fulfil it are given to this one."
    )
    otherwise: Literal["drop", "skip"] = Field(
        "drop", description="What becomes of the others: drop leaves them out, skip passes them around this one."
    )
    floating: bool = Field(
        False, description="Whether it works aside: nobody waits for its answer, and nobody gets it."
    )
    inspects: bool = Field(
        False, description="Whether it looks on from the side: the Executor added after it reads what it reads."
    )
    reduce: bool = Field(
        True,
        description="Whether documents of several needs are joined by id; else all of them come, with docs_matrix and "
        "docs_map.",
    )

    @field_validator("needs", mode="before")
    @classmethod
    def _one_or_many_needs(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("when", mode="before")
    @classmethod
    def _condition_that_can_be_read(cls, value: Any) -> Any:
        if not value:
            return {}
        from thalweg.docs.query import parse

        parse(value)
        return value
