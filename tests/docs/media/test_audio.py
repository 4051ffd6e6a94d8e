"""Sound: read, written, refused."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg.docs.media.audio import read_audio, save_audio, sixteen_bits, write_audio
from thalweg.docs.typing import AudioBytes, AudioUrl
from thalweg.docs.typing.media_array import AudioArray
from thalweg.errors import MissingDependency

av: Any = pytest.importorskip("av")

RATE = 16_000
MONO = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
STEREO = np.stack([MONO, -MONO / 2], axis=1)


@pytest.mark.parametrize("kind", ["wav", "flac"])
@pytest.mark.parametrize("width, error", [(1, 2**-7), (2, 2**-15), (3, 2**-23), (4, 2**-23)])
@pytest.mark.parametrize("samples", [MONO, STEREO], ids=["mono", "stereo"])
def test_sound_comes_back_as_it_was(kind: str, width: int, error: float, samples: Any) -> None:
    found = read_audio(write_audio(samples, kind, RATE, width))
    assert (found.frame_rate, found.channels) == (RATE, samples.ndim)
    assert (found.samples.dtype, found.samples.shape) == (np.float64, (samples.size,))
    assert np.abs(found.samples - samples.reshape(-1)).max() <= error


@pytest.mark.parametrize("kind", ["mp3", "m4a", "ogg", "aac", "opus", "webm"])
@pytest.mark.parametrize("samples", [MONO, STEREO], ids=["mono", "stereo"])
def test_sound_comes_back_nearly_as_it_was(kind: str, samples: Any) -> None:
    found = read_audio(write_audio(samples, kind, RATE))
    assert found.channels == samples.ndim
    assert found.frame_rate in (RATE, 48_000)
    left = found.samples.reshape(-1, found.channels)[:, 0]
    assert abs(len(left) / found.frame_rate - 1) < 0.15
    loudest = np.argmax(np.abs(np.fft.rfft(left[: found.frame_rate // 2]))) * 2
    assert loudest == 440


def test_integers_are_what_sound_cards_have() -> None:
    whole = np.array([0, 16384, -32768, 32767], np.int16)
    for given in (whole, whole.astype(np.int32) << 16, whole / 32768):
        assert sixteen_bits(given) == whole.astype("<i2").tobytes()
    assert sixteen_bits(np.array([0, 128, 255], np.uint8)) == struct.pack("<hhh", -32768, 0, 32512)


def test_what_is_too_loud_is_clipped() -> None:
    assert sixteen_bits([1.0, -1.0, 5, -5, np.nan] * np.ones(1)) == struct.pack(
        "<hhhhh", 32767, -32768, 32767, -32768, 0
    )


def test_interleaved_channels() -> None:
    flat = STEREO.reshape(-1)
    assert write_audio(flat, channels=2) == write_audio(STEREO)
    array = flat.view(AudioArray)
    array.channels = 2
    assert write_audio(array[: RATE * 2]) == write_audio(STEREO)
    assert write_audio(array * 1.0) == write_audio(STEREO)


@pytest.mark.parametrize(
    "samples, options, reason",
    [
        (np.zeros((2, 2, 2)), {}, "have the shape"),
        (np.zeros((4, 3)), {"channels": 2}, "have the shape"),
        (np.zeros(3), {"channels": 2}, "are interleaved"),
        (np.zeros((2, 9)), {}, "1 to 8 channels, not 9"),
        (np.zeros(4), {"channels": 0}, "1 to 8 channels"),
        (np.array(["a"]), {}, "numbers from -1 to 1"),
        (np.zeros(0), {}, "no samples to write"),
        (np.zeros(4), {"sample_width": 5}, "1 to 4 bytes"),
        (np.zeros(4), {"format": "river"}, "river"),
    ],
)
def test_what_is_not_written(samples: Any, options: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        write_audio(samples, **options)


WAV = write_audio(MONO, frame_rate=RATE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"river",
        WAV[:20],
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
)
def test_what_is_no_sound(data: bytes) -> None:
    with pytest.raises(ValueError, match="no sound that PyAV reads"):
        read_audio(data)


def test_a_picture_is_no_sound() -> None:
    from thalweg.docs.media.image import write_image

    with pytest.raises(ValueError, match="There is no sound in these bytes"):
        read_audio(write_image(np.zeros((16, 16, 3), np.uint8)))


def test_silence_that_would_fill_memory_is_refused() -> None:
    silence = write_audio(np.zeros(48_000 * 60), "flac", 48_000)
    assert len(silence) < 100_000
    with pytest.raises(ValueError, match="more than 1,000,000 bytes; raise max_decoded"):
        read_audio(silence, max_decoded=1_000_000)


def test_urls_bytes_and_arrays(tmp_path: Path) -> None:
    array = STEREO.reshape(-1).view(AudioArray)
    array.save(tmp_path / "river.flac", "flac", RATE, channels=2)
    save_audio(STEREO, tmp_path / "river.wav", frame_rate=RATE)
    for name in ("river.flac", "river.wav"):
        url = AudioUrl(str(tmp_path / name))
        samples, rate = url.load()
        assert type(url.load_bytes()) is AudioBytes
        assert (type(samples), rate, samples.channels) == (AudioArray, RATE, 2)
        again, _ = AudioBytes(write_audio(samples, frame_rate=rate)).load()
        assert np.array_equal(again, samples)
    assert np.array_equal(np.frombuffer(array.to_bytes(), "<i2"), np.rint(array * 32768))
    with pytest.raises(ValueError, match="raise max_decoded"):
        AudioUrl(str(tmp_path / "river.wav")).load(max_decoded=10)
    with pytest.raises(FileNotFoundError):
        save_audio(MONO, tmp_path / "nowhere" / "river.wav")


def test_a_file_object(tmp_path: Path) -> None:
    stream = io.BytesIO()
    save_audio(MONO, stream, frame_rate=RATE)
    assert read_audio(stream.getvalue()).frame_rate == RATE


def test_sound_of_torch_is_written_too() -> None:
    torch = pytest.importorskip("torch")
    assert write_audio(torch.from_numpy(STEREO)) == write_audio(STEREO)


def test_without_pyav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(MissingDependency, match=r"pip install 'thalweg\[audio\]'"):
        AudioBytes(WAV).load()
