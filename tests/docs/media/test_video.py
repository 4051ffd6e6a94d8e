"""Films: read, written, refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg.docs.media.video import VideoLoadResult, read_video, save_video, write_video
from thalweg.docs.typing import VideoBytes, VideoUrl
from thalweg.docs.typing.media_array import AudioArray, VideoArray
from thalweg.errors import MissingDependency

pytest.importorskip("av")

RAMP = np.linspace(0, 255, 64).astype(np.uint8)
FRAME = np.stack([np.tile(RAMP, (48, 1)), np.tile(RAMP[:48, None], (1, 64)), np.zeros((48, 64), np.uint8)], axis=2)
FRAMES = np.stack([FRAME // 2 + number * 4 for number in range(30)])
SOUND = (0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.float32)


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_a_film_comes_back_nearly_as_it_was(codec: str) -> None:
    film = read_video(write_video(FRAMES, video_codec=codec))
    assert isinstance(film, VideoLoadResult)
    assert (film.video.shape, film.video.dtype) == (FRAMES.shape, np.uint8)
    assert np.abs(film.video.astype(int) - FRAMES).mean() < 10
    assert film.key_frame_indices[0] == 0
    assert film.key_frame_indices.dtype.kind == "i"
    assert film.audio.shape == (0,)


def test_key_frames_are_numbered() -> None:
    assert read_video(write_video(FRAMES, video_codec="mpeg4")).key_frame_indices.tolist() == [0, 12, 24]


@pytest.mark.parametrize("sound", [SOUND, SOUND[None], np.stack([SOUND, -SOUND]), SOUND.reshape(4, 1, -1)])
def test_sound_comes_with_it(sound: Any) -> None:
    film = read_video(write_video(FRAMES, audio_tensor=sound))
    pieces, channels, samples = film.audio.shape
    assert channels == (1 if sound.size == SOUND.size else 2)
    assert abs(pieces * samples - SOUND.size) <= 2 * 1024
    left = film.audio[:, 0].reshape(-1)
    assert np.argmax(np.abs(np.fft.rfft(left[:24_000]))) * 2 == 440
    assert abs(np.sqrt(np.mean(left**2)) - 0.354) < 0.03
    again = read_video(write_video(film.video, audio_tensor=film.audio))
    assert abs(again.audio.shape[0] - pieces) <= 1


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_odd_sizes_and_single_frames(codec: str) -> None:
    assert read_video(write_video(FRAMES[:2, :47, :63], video_codec=codec)).video.shape == (2, 47, 63, 3)
    assert read_video(write_video(FRAMES[0], video_codec=codec)).video.shape == (1, 48, 64, 3)


@pytest.mark.parametrize(
    "frames, options, reason",
    [
        (np.zeros((2, 2, 2, 4), np.uint8), {}, "A film has the shape"),
        (np.zeros((2, 2), np.uint8), {}, "A film has the shape"),
        (np.zeros((0, 2, 2, 3), np.uint8), {}, "A film has the shape"),
        (FRAMES / 255, {}, "scale them and convert to uint8"),
        (FRAMES, {"video_codec": "river"}, "'river' is no codec"),
        (FRAMES, {"video_codec": "libmp3lame"}, "'libmp3lame' is no codec"),
        (FRAMES, {"audio_tensor": SOUND, "audio_codec": "river"}, "no encoder 'river'"),
        (FRAMES, {"audio_tensor": np.zeros((1, 1, 1, 1))}, "Sound is a tensor"),
        (FRAMES, {"audio_tensor": np.zeros(0)}, "Sound is a tensor"),
        (FRAMES, {"audio_tensor": np.zeros((9, 100))}, "1 to 8 channels"),
    ],
)
def test_what_is_not_written(frames: Any, options: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        write_video(frames, **options)


MP4 = write_video(FRAMES)


@pytest.mark.parametrize("data", [b"", b"river", MP4[:100], MP4[: len(MP4) // 2]])
def test_what_is_no_film(data: bytes) -> None:
    with pytest.raises(ValueError, match="no film that PyAV reads"):
        read_video(data)


def test_a_codec_that_nobody_knows() -> None:
    with pytest.raises(ValueError, match="a film of a kind that PyAV does not decode"):
        read_video(MP4.replace(b"avc1", b"zzzz"))


def test_sound_alone_is_no_film() -> None:
    from thalweg.docs.media.audio import write_audio

    with pytest.raises(ValueError, match="There is no film in these bytes"):
        read_video(write_audio(SOUND, frame_rate=48_000))


def test_a_film_that_would_fill_memory_is_refused() -> None:
    black = write_video(np.zeros((500, 64, 64, 3), np.uint8))
    assert len(black) < 30_000
    for limit in (100_000, 1000):
        with pytest.raises(ValueError, match=f"more than {limit:,} bytes; raise max_decoded"):
            read_video(black, max_decoded=limit)


def test_urls_bytes_and_arrays(tmp_path: Path) -> None:
    FRAMES.view(VideoArray).save(tmp_path / "river.mp4", audio_tensor=SOUND, video_frame_rate=12.5)
    save_video(FRAMES, tmp_path / "river.avi", video_codec="mpeg4")
    for name in ("river.mp4", "river.avi"):
        url = VideoUrl(str(tmp_path / name))
        film = url.load()
        assert type(url.load_bytes()) is VideoBytes
        assert (type(film.video), type(film.audio)) == (VideoArray, AudioArray)
        assert film.video.shape == FRAMES.shape
    assert VideoBytes(film.video.to_bytes()).load().video.shape == FRAMES.shape
    with pytest.raises(ValueError, match="raise max_decoded"):
        url.load(max_decoded=10)
    with pytest.raises(ValueError, match="Could not determine output format"):
        save_video(FRAMES, tmp_path / "river.nothing")


def test_films_of_torch_are_written_too() -> None:
    torch = pytest.importorskip("torch")
    assert read_video(write_video(torch.from_numpy(FRAMES[:2]))).video.shape == (2, 48, 64, 3)


def test_without_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingDependency, match=r"pip install 'thalweg\[video\]'"):
        VideoBytes(MP4).load()
