"""Libraries that an Executor has for itself."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from thalweg.config.options import Options


class EnvironmentOptions(Options):
    """A virtual environment of the Executor's own, over the one that Thalweg runs in."""

    install_requirements: bool = Field(
        False, description="Install the requirements.txt beside its file into an environment of its own."
    )
    requirements: tuple[str, ...] = Field(
        (),
        description="What is installed into an environment of its own, as pip takes it: 'pillow>=10', '-r file.txt'.",
    )

    @field_validator("requirements", mode="before")
    @classmethod
    def _one_requirement_or_many(cls, value: Any) -> Any:
        return tuple(value.splitlines()) if isinstance(value, str) else value or ()

    @field_validator("requirements")
    @classmethod
    def _no_empty_lines(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(line.strip() for line in value if line.strip() and not line.lstrip().startswith("#"))
