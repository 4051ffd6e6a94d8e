"""Media in notebooks: shown in one, a warning elsewhere."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from thalweg.docs.documents import PointsAndColors, VerticesAndFaces
from thalweg.docs.media.audio import write_audio
from thalweg.docs.media.image import save_image, write_image
from thalweg.docs.media.video import save_video, write_video
from thalweg.docs.typing import AudioBytes, ImageBytes, ImageUrl, VideoBytes, VideoUrl
from thalweg.docs.typing.media_array import AudioArray, ImageArray, VideoArray

IPython: Any = pytest.importorskip("IPython")
for library in ("PIL", "av", "trimesh"):
    pytest.importorskip(library)

PIXELS = np.zeros((16, 16, 3), np.uint8)
BOX = VerticesAndFaces(vertices=np.eye(3), faces=np.array([[0, 1, 2]]))


def shown(folder: Path) -> dict[str, Any]:
    """What can be shown, by the kind of thing that a notebook gets."""
    save_image(PIXELS, folder / "a.png")
    save_video(PIXELS, folder / "a.mp4")
    return {
        "Image array": PIXELS.view(ImageArray),
        "Image bytes": ImageBytes(write_image(PIXELS)),
        "Image url": ImageUrl(str(folder / "a.png")),
        "Audio array": np.zeros(800).view(AudioArray),
        "Audio bytes": AudioBytes(write_audio(np.zeros(800))),
        "Video array": PIXELS.view(VideoArray),
        "Video bytes": VideoBytes(write_video(PIXELS)),
        "Video url": VideoUrl(str(folder / "a.mp4")),
        "HTML mesh": BOX,
        "HTML points": PointsAndColors(points=np.zeros((4, 3)), colors=np.zeros((4, 4), np.uint8)),
    }


def test_outside_of_a_notebook_there_is_a_warning(tmp_path: Path) -> None:
    for value in shown(tmp_path).values():
        with pytest.warns(UserWarning, match="displayed in notebooks only"):
            value.display()


def test_in_a_notebook_they_are_displayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    display = pytest.importorskip("IPython.display")
    seen: list[Any] = []
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr(display, "display", seen.append)
    for name, value in shown(tmp_path).items():
        value.display()
        assert type(seen[-1]).__name__ == name.split()[0]
    assert seen[0].data == write_image(PIXELS)
