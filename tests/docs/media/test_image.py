"""Pictures: read, resized, written, refused."""

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg.docs.media.image import read_image, save_image, write_image
from thalweg.docs.typing import ImageBytes, ImageUrl
from thalweg.docs.typing.media_array import ImageArray
from thalweg.errors import MissingDependency

Image: Any = pytest.importorskip("PIL.Image")

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def encoded(image: Any, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "png", ".png", "BMP", "tiff", "tif", "ppm"])
def test_a_picture_comes_back_as_it_was(kind: str) -> None:
    found = read_image(write_image(PIXELS, kind))
    assert np.array_equal(found, PIXELS)
    assert (found.dtype, found.shape) == (np.uint8, (4, 6, 3))


@pytest.mark.parametrize("kind", ["jpg", "JPEG", "webp"])
def test_a_picture_comes_back_nearly_as_it_was(kind: str) -> None:
    assert np.abs(read_image(write_image(PIXELS, kind)).astype(int) - PIXELS).mean() < 10


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16", "LA"])
def test_every_kind_of_picture_becomes_rgb(mode: str) -> None:
    found = read_image(encoded(Image.new(mode, (6, 4)), "TIFF"))
    assert (found.shape, found.dtype) == ((4, 6, 3), np.uint8)


def test_the_first_of_moving_pictures_is_read() -> None:
    frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_image(data)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    "width, height, layout, shape",
    [
        (None, None, ("H", "W", "C"), (4, 6, 3)),
        (3, None, ("H", "W", "C"), (4, 3, 3)),
        (None, 8, ("H", "W", "C"), (8, 6, 3)),
        (3, 2, ("C", "H", "W"), (3, 2, 3)),
        (None, None, ("C", "W", "H"), (3, 6, 4)),
        (None, None, ("W", "H", "C"), (6, 4, 3)),
        (None, None, "CHW", (3, 4, 6)),
    ],
)
def test_sizes_and_axes(width: int | None, height: int | None, layout: Any, shape: tuple[int, ...]) -> None:
    found = read_image(write_image(PIXELS), width, height, layout)
    assert found.shape == shape
    if width is height is None:
        back = np.transpose(found, [list(layout).index(axis) for axis in "HWC"])
        assert np.array_equal(back, PIXELS)


@pytest.mark.parametrize("layout", [("H", "W"), ("H", "H", "C"), ("a", "b", "c"), ""])
def test_axes_that_make_no_sense(layout: Any) -> None:
    with pytest.raises(ValueError, match="axis_layout names 'H', 'W' and 'C'"):
        read_image(write_image(PIXELS), axis_layout=layout)


def test_a_size_that_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="cannot have -1 x None pixels"):
        read_image(write_image(PIXELS), width=-1)


PNG = write_image(PIXELS)


@pytest.mark.parametrize(
    "data", [b"", b"river", PNG[:30], PNG[:50], PNG[:40] + b"\xff" * 20 + PNG[60:], b"%!PS-Adobe-3.0 EPSF-3.0\n"]
)
def test_what_is_no_picture(data: bytes) -> None:
    with pytest.raises(ValueError, match="no picture that Pillow reads"):
        read_image(data)


def test_postscript_is_not_run() -> None:
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(ValueError, match="PostScript, a program"):
        read_image(data)


def bomb(width: int, height: int) -> bytes:
    """A few bytes that claim to be a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 20_000])
@pytest.mark.parametrize("action", ["error", "ignore"])
def test_a_bomb_is_refused_before_it_is_decoded(side: int, action: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        with pytest.raises(ValueError, match="The picture is too large"):
            read_image(bomb(side, side))


def test_what_is_written() -> None:
    assert np.array_equal(read_image(write_image(PIXELS.astype(np.int64))), PIXELS)
    assert read_image(write_image(np.eye(2, dtype=bool)))[0, 0].tolist() == [255, 255, 255]
    assert read_image(write_image(PIXELS[:, :, :1])).shape == (4, 6, 3)
    assert read_image(write_image(np.zeros((2, 2, 4), np.uint8))).shape == (2, 2, 3)
    assert np.array_equal(read_image(write_image(PIXELS[::-1, ::2])), PIXELS[::-1, ::2])


@pytest.mark.parametrize(
    "pixels, reason",
    [
        (np.zeros((2, 2, 3)), "scale them and convert to uint8"),
        (np.full((2, 2), 256), "from 0 to 255, but there are 256 to 256"),
        (np.full((2, 2), -1), "from 0 to 255"),
        (np.zeros((2, 2, 2), np.uint8), "A picture has the shape"),
        (np.zeros(2, np.uint8), "A picture has the shape"),
        (np.zeros((0, 2, 3), np.uint8), "A picture has the shape"),
        (np.array([["a"]]), "not <U1"),
    ],
)
def test_what_is_not_written(pixels: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        write_image(pixels)


def test_formats_that_pillow_does_not_write() -> None:
    with pytest.raises(ValueError, match="'river' is no format that Pillow writes"):
        write_image(PIXELS, "river")
    with pytest.raises(ValueError, match="cannot be written as JPEG"):
        write_image(np.zeros((2, 2, 4), np.uint8), "jpg")


def test_files(tmp_path: Path) -> None:
    save_image(PIXELS, tmp_path / "river.png")
    save_image(PIXELS, str(tmp_path / "river"), "png")
    assert np.array_equal(ImageUrl(str(tmp_path / "river")).load(), PIXELS)
    with pytest.raises(FileNotFoundError):
        save_image(PIXELS, tmp_path / "nowhere" / "river.png")


def test_urls_bytes_and_arrays(tmp_path: Path) -> None:
    array = PIXELS.view(ImageArray)
    array.save(tmp_path / "river.png")
    url = ImageUrl(str(tmp_path / "river.png"))
    data = url.load_bytes()
    assert type(data) is ImageBytes
    assert type(url.load()) is type(data.load()) is ImageArray
    assert np.array_equal(url.load(width=3, axis_layout=("C", "H", "W")), data.load(3, None, "CHW"))
    assert url.load_pil().size == data.load_pil().size == (6, 4)
    assert np.array_equal(ImageBytes(array.to_bytes()).load(), PIXELS)
    with pytest.raises(ValueError, match="holds more than 10 bytes"):
        url.load(max_bytes=10)


def test_pictures_of_torch_are_written_too() -> None:
    torch = pytest.importorskip("torch")
    assert np.array_equal(read_image(write_image(torch.from_numpy(PIXELS))), PIXELS)


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(MissingDependency, match=r"pip install 'thalweg\[image\]'"):
        ImageBytes(PNG).load()
