"""Files of sound and moving pictures, opened by PyAV."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import IO, TYPE_CHECKING, Any

from thalweg.docs.extras import load_extra

if TYPE_CHECKING:
    from fractions import Fraction

MAX_DECODED = 1 << 31
"""Bytes that decoded samples and frames may take unless a caller says otherwise: 2 GiB."""


@contextmanager
def input_container(data: bytes, what: str, **options: Any) -> Iterator[Any]:
    """The `av.container.InputContainer` in `data`, of which `what` says what it is, such as "sound".

    `options` are those of `av.open`.

    Raises:
        ValueError: PyAV does not read it; inside the block too.
        MissingDependency: PyAV is not installed.
    """
    av = _library(what)
    # A playlist would otherwise open the files and addresses that it names.
    container_options = {"protocol_whitelist": "none", **options.pop("options", {})}
    try:
        with av.open(io.BytesIO(data), options=container_options, **options) as container:
            yield container
    except av.FFmpegError as error:
        raise ValueError(f"These bytes are no {what} that PyAV reads: {error.strerror}") from error


@contextmanager
def output_container(target: str | PathLike[str] | IO[bytes], kind: str | None, what: str) -> Iterator[Any]:
    """An `av.container.OutputContainer`; the file's extension says the format unless `kind` does.

    Raises:
        ValueError: PyAV does not write this format, or does not write what it is given.
        OSError: the file cannot be written.
    """
    av = _library(what)
    try:
        with av.open(str(target) if isinstance(target, PathLike) else target, "w", format=kind) as container:
            yield container
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise ValueError(f"PyAV cannot write this {what}: {error.strerror}") from error


def check_codec(stream: Any, what: str) -> None:
    """Raise ValueError where PyAV has nothing that decodes a stream."""
    if stream.codec_context is None:
        raise ValueError(f"These bytes are {what} of a kind that PyAV does not decode")


def codec_stream(container: Any, codec: str, rate: int | Fraction) -> Any:
    """A new stream of the container.

    Raises:
        ValueError: PyAV has no such encoder, or the format does not hold it.
    """
    try:
        return container.add_stream(codec, rate=rate)
    except (ValueError, TypeError) as error:  # a codec of sound given the rate of a film
        raise ValueError(f"{codec!r} is no codec that can be written to {container.format.name}: {error}") from None


def _library(what: str) -> Any:
    return load_extra("av", "video" if what == "film" else "audio", f"Bytes of {what}")
