"""Pictures: encoded bytes to arrays of pixels and back, by Pillow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from os import PathLike
from typing import IO, Any, TypeAlias

import numpy as np

from thalweg.docs.extras import load_extra
from thalweg.docs.typing.array import to_numpy

Pixels: TypeAlias = np.ndarray[Any, np.dtype[Any]]

_AXES = ("H", "W", "C")
_FORMATS = {"jpg": "JPEG", "tif": "TIFF"}


def open_image(data: bytes) -> Any:
    """The `PIL.Image.Image` in `data`, its pixels decoded.

    Raises:
        ValueError: Pillow does not read it, or it has more pixels than `PIL.Image.MAX_IMAGE_PIXELS`.
        MissingDependency: Pillow is not installed.
    """
    pillow = _pillow()
    try:
        image = pillow.open(io.BytesIO(data))
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        raise ValueError(f"The picture is too large: {error}") from None
    except Exception as error:
        raise _unreadable(error) from error
    limit = pillow.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise ValueError(
            f"The picture is too large: {image.width} x {image.height} pixels, but PIL.Image.MAX_IMAGE_PIXELS is {limit}"
        )
    if image.format == "EPS":
        raise ValueError("The picture is PostScript, a program, which is not run")
    try:
        image.load()
    except Exception as error:  # decoders raise whatever they stumble on
        raise _unreadable(error) from error
    return image


def read_image(
    data: bytes, width: int | None = None, height: int | None = None, axis_layout: Sequence[str] = _AXES
) -> Pixels:
    """The pixels of a picture as RGB, `uint8`; of moving pictures those of the first.

    Args:
        data: PNG, JPEG, GIF, WebP, or whatever else Pillow reads.
        width: columns to resize to; as many as there are where it is None.
        height: rows to resize to.
        axis_layout: the order of the axes: "H" rows, "W" columns, "C" channels.

    Raises:
        ValueError: what `open_image` raises it for, or an `axis_layout` that does not name the three axes.
    """
    order = _order(axis_layout)
    image = open_image(data).convert("RGB")
    if width is not None or height is not None:
        try:
            image = image.resize((width or image.width, height or image.height))
        except (ValueError, MemoryError) as error:
            raise ValueError(f"A picture cannot have {width} x {height} pixels: {error}") from None
    return np.transpose(np.array(image), order)


def write_image(pixels: Any, format: str = "PNG") -> bytes:  # noqa: A002  # Pillow's name for it
    """A picture of a tensor (rows, columns) or (rows, columns, channels) of 1, 3 or 4 channels, of any library.

    Args:
        pixels: integers from 0 to 255, or booleans.
        format: the name of a format that Pillow writes, such as "PNG" or "jpeg".

    Raises:
        ValueError: another shape or other numbers, or Pillow does not write the format.
    """
    stream = io.BytesIO()
    _save(pixels, stream, _format(format))
    return stream.getvalue()


def save_image(pixels: Any, file: str | PathLike[str] | IO[bytes], format: str | None = None) -> None:  # noqa: A002
    """Write a picture to a file; see `write_image`. The file's extension says the format unless `format` does."""
    _save(pixels, file, None if format is None else _format(format))


def eight_bits(tensor: Any, what: str) -> Pixels:
    """`tensor` as `uint8`, where its values are whole numbers from 0 to 255.

    Raises:
        ValueError: they are not.
    """
    array = to_numpy(tensor)
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * 255
    if array.dtype.kind not in "iu":
        raise ValueError(f"{what} hold whole numbers from 0 to 255, not {array.dtype}; scale them and convert to uint8")
    if array.size and (array.min() < 0 or array.max() > 255):
        raise ValueError(f"{what} hold numbers from 0 to 255, but there are {array.min()} to {array.max()}")
    return array.astype(np.uint8)


def _format(name: str) -> str:
    known = name.lower().lstrip(".")
    return _FORMATS.get(known, known)


def _save(pixels: Any, target: Any, kind: str | None) -> None:
    pillow = _pillow()
    array = eight_bits(pixels, "Pixels")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or (array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (3, 4))):
        raise ValueError(f"A picture has the shape (rows, columns) or (rows, columns, channels), not {array.shape}")
    try:
        pillow.fromarray(np.ascontiguousarray(array)).save(target, kind)
    except KeyError:
        raise ValueError(f"{kind!r} is no format that Pillow writes") from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(f"The picture cannot be written as {kind or target}: {error}") from error


def _order(axis_layout: Sequence[str]) -> list[int]:
    if sorted(axis_layout) != sorted(_AXES):
        raise ValueError(f"axis_layout names 'H', 'W' and 'C' once each, in any order, not {tuple(axis_layout)}")
    return [_AXES.index(axis) for axis in axis_layout]


def _unreadable(error: Exception) -> ValueError:
    return ValueError(f"These bytes are no picture that Pillow reads: {error}")


def _pillow() -> Any:
    return load_extra("PIL.Image", "image", "Pictures")
