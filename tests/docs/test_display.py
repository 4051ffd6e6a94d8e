"""What documents look like on a terminal and in a notebook."""

import base64
import io
import json
import os
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypeVar

import numpy as np
import pytest

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList, DocVec
from thalweg.docs.typing import AnyTensor, ImageUrl, NdArray

ipython = pytest.importorskip("IPython.core.formatters")


class Author(BaseDoc):
    name: str


class Chapter(BaseDoc):
    title: str
    embedding: NdArray[4] | None = None


class Book(BaseDoc):
    title: str = ""
    pages: int | None = None
    cover: AnyTensor | None = None
    tags: dict[str, Any] = {}  # noqa: RUF012
    author: Author | None = None
    chapters: DocList[Chapter] = DocList[Chapter]()
    sequel: Optional["Book"] = None


class Plain(BaseDocWithoutId):
    text: str


class Sound(BaseDoc):
    samples: AnyTensor
    frame_rate: int = 8000


class Blob(BaseDoc):
    data: bytes


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def book(**fields: Any) -> Book:
    return Book(id="0123456789", **fields)


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def shown(doc: Any) -> dict[str, Any]:
    data, _ = ipython.DisplayFormatter().format(doc)
    return data  # type: ignore[no-any-return]


def test_a_summary_is_a_table_of_what_is_there_and_a_tree_of_documents(capsys: pytest.CaptureFixture[str]) -> None:
    book(
        title="Rivers",
        author=Author(id="a1", name="Ada"),
        chapters=[Chapter(title=f"part {number}") for number in range(5)],
    ).summary()
    out = printed(capsys)
    assert out.startswith("📄 Book : 0123456 ...\n╭")
    assert re.search(r"│ title: str +│ Rivers", out)
    assert "pages" not in out
    assert "🔶 author: Author" in out
    assert "📄 Author : a1\n" in out
    assert "💠 chapters: DocList[Chapter]" in out
    assert "part 1" in out
    assert "part 2" not in out
    assert "... 3 more" in out


def test_a_summary_of_a_document_without_an_id(capsys: pytest.CaptureFixture[str]) -> None:
    Plain(text="a").summary()
    assert printed(capsys).startswith("📄 Plain\n")
    Book(id=None, title="a").summary()
    assert printed(capsys).startswith("📄 Book\n")


@pytest.mark.parametrize(
    "value, expected",
    [
        ("x" * 50, "x" * 50 + " "),
        ("x" * 51, "x" * 50 + " ... (length: 51)"),
        (["ab"] * 40, "['ab', 'ab', 'ab', 'ab', 'ab', 'ab', 'ab', 'ab', ' ... (length: 40)"),
        (b"\x00" * 80, r"b'\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00 ... (length: 80)"),
        (1 << 999, "<integer of 1000 bits>"),
        (np.zeros((2, 3)), "ndarray of shape (2, 3), dtype: float64"),
        ({"a": np.zeros(2)}, "{'a': ndarray of shape (2,), dtype: float64}"),
        ({"a": Plain(text="b")}, "{'a': Plain}"),
    ],
)
def test_values_are_cut_at_fifty_characters(value: Any, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    AnyDoc(value=value).summary()
    assert expected in printed(capsys)


def test_nothing_in_a_document_reaches_the_terminal_as_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    AnyDoc(**{"\x1b[1m": "[bold]\x1b[31m\r\n\u202e\ud800", "[red]": {"\x07": "\x9b2J"}}).summary()
    out = printed(capsys)
    assert r"[bold]\x1b[31m\r\n\u202e\ud800" in out
    assert r"\x1b[1m: str" in out
    assert "[red]: dict" in out
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)


def test_a_short_tensor_is_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    book(cover=np.array([0.0, 1.0, np.nan, 0.5, np.inf])).summary()
    out = printed(capsys)
    assert "▁█·▅·" in out
    assert max(map(len, out.splitlines())) < 70  # no wider than what is in it
    book(cover=np.arange(199)).summary()
    assert len(re.findall("[▁▂▃▄▅▆▇█]", printed(capsys))) == 199
    book(cover=np.arange(200)).summary()
    assert "ndarray of shape (200,), dtype: int64" in printed(capsys)
    book(cover=np.array([-1.7e308, 1.7e308])).summary()
    assert "▁█" in printed(capsys)
    book(cover=np.array([3, 3])).summary()
    assert "▁▁" in printed(capsys)
    book(cover=np.zeros(0)).summary()
    assert "shape (0,)" in printed(capsys)


def test_a_bar_has_colours_where_there_are_some() -> None:
    html = shown(Book(cover=np.array([0, 128, 255], np.uint8)))["text/html"]
    blocks = re.findall(r"color: #(\w{6}); [^>]*>▄", html)
    assert len(blocks) == 3
    brightness = [sum(bytes.fromhex(colour)) for colour in blocks]
    assert brightness == sorted(brightness)
    assert len(set(brightness)) == 3


def test_a_summary_is_bounded_whatever_the_document(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    wide = AnyDoc(**{f"{'long name ' * 50}{number}": "x" * 1000 for number in range(200)})
    wide.summary()
    lines = printed(capsys).splitlines()
    assert max(map(len, lines)) <= 120
    assert len(lines) < 120
    assert "... 150 more fields" in lines[-1]

    class Bush(BaseDoc):
        left: DocList["Bush"] | None = None
        right: DocList["Bush"] | None = None

    tree = Bush()
    for _ in range(12):
        tree = Bush(left=[tree, tree], right=[tree, tree])  # type: ignore[arg-type]
    tree.summary()
    assert len(printed(capsys).splitlines()) < 1000


def test_a_document_that_holds_itself_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    doc = book(title="a")
    doc.__dict__["sequel"] = doc
    doc.summary()
    out = printed(capsys)
    assert out.count("title: str") == 1
    assert out.rstrip().endswith("...")


def test_a_row_of_a_doc_vec_is_shown_like_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    DocVec[Chapter]([Chapter(id="c", title="part", embedding=np.arange(4))])[0].summary()
    out = printed(capsys)
    assert out.startswith("📄 Chapter : c\n")
    assert "▁▃▆█" in out


def test_a_schema_summary_says_the_types_without_modules(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = TypeVar("kinds")

    class Many(Book):
        url: ImageUrl
        kind: Literal["a", 1] = "a"
        pair: tuple[int, ...] = (1,)
        portable: Annotated[np.ndarray, NdArray["n", 3]]
        by_name: dict[str, Author] = {}  # noqa: RUF012
        free: list[kinds] = []  # type: ignore[valid-type]  # noqa: RUF012

    Many.schema_summary()
    out = printed(capsys)
    for line in [
        "id: ID | None",
        "title: str = ''",
        "cover: AnyTensor | None = None",
        "author: Author | None = None",
        "name: str",
        "chapters: DocList[Chapter]",
        "embedding: NdArray[4] | None = None",
        "sequel: Book | None = None",
        "url: ImageUrl\n",
        "kind: Literal['a', 1] = 'a'",
        "pair: tuple[int, ...] = (1,)",
        "portable: NdArray['n', 3]\n",
        "by_name: dict[str, Author] = {}",
        "free: list[kinds] = []",
    ]:
        assert line.replace("\n", "") in re.sub(r" +│", "", out)
    assert "Document Schema" in out
    assert "thalweg" not in out
    assert out.count("name: str") == 1  # later there is the class only
    assert max(map(len, out.splitlines())) <= 90


def test_a_summary_of_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    DocList[Chapter]([Chapter(title="a")]).summary()
    out = printed(capsys)
    assert re.search(r"Type +DocList\[Chapter\]", out)
    assert re.search(r"Length +1", out)
    assert "embedding: NdArray[4] | None = None" in out
    DocList([Chapter(title="a"), Plain(text="b")]).summary()
    assert re.search(r"Length +2", printed(capsys))


def test_a_summary_of_a_doc_vec_tells_the_stacked_tensors(capsys: pytest.CaptureFixture[str]) -> None:
    class Around(BaseDoc):
        chapter: Chapter
        point: NdArray[2]

    chapter = Chapter(title="a", embedding=np.zeros(4, np.float32))
    DocVec[Around]([Around(chapter=chapter, point=[1, 2])] * 3).summary()
    out = printed(capsys)
    assert re.search(r"point +ndarray of shape \(3, 2\), dtype: int64", out)
    assert re.search(r"chapter\.embedding +ndarray of shape \(3, 4\), dtype: float32", out)


def test_the_last_expression_of_a_notebook_shows_the_summary(tmp_path: Path) -> None:
    code = """
import json
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell(config=config)
seen = []
shell.displayhook.write_format_data = lambda data, metadata=None: seen.append(data)
shell.run_cell("from thalweg.docs import BaseDoc, DocList")
shell.run_cell("class Text(BaseDoc):\\n    text: str")
shell.run_cell("Text(id='abc', text='river')")
shell.run_cell("DocList[Text]([Text(text='brook')])")
print()
print(json.dumps(seen))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=250,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
    )
    doc, docs = json.loads(done.stdout.splitlines()[-1])
    assert doc["text/plain"].startswith("📄 Text : abc\n╭")
    assert "river" in doc["text/html"]
    assert "brook" in docs["text/html"]


def test_html_is_escaped() -> None:
    script = "<script>alert(1)</script>"
    evil = type("Evil", (BaseDoc,), {"__qualname__": "Evil"})
    evil.__name__ = "<script>Evil"
    for value in (
        AnyDoc(id="<script>", **{script: script, "d": {script: script}, "l": [script]}),
        AnyDoc(nested=AnyDoc(**{script: script})),
        evil(),
        DocList([AnyDoc(**{script: script})]),
        DocList[Blob]([Blob(data=script.encode())]),
    ):
        html = shown(value)["text/html"]
        assert "<script" not in html
        assert "&lt;script" in html


@pytest.mark.parametrize("shape", [(2, 3, 3), (1000, 300, 4)])
def test_pictures_are_shown_small(shape: tuple[int, ...]) -> None:
    from PIL import Image

    data = shown(Book(cover=np.full(shape, 7, np.uint8)))
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert max(picture.size) <= 256
    assert picture.getpixel((0, 0))[:3] == (7, 7, 7)
    assert f'<img src="data:image/png;base64,{data["image/png"]}"' in data["text/html"]
    assert "ndarray of shape" in data["text/plain"]


def test_what_is_no_picture_is_not_shown_as_one() -> None:
    for array in (np.zeros((2, 3, 3)), np.zeros((2, 3), np.uint8), np.zeros((0, 3, 3), np.uint8)):
        assert set(shown(Book(cover=array))) == {"text/plain", "text/html"}


@pytest.mark.parametrize(
    "start, kind",
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"ID3\x03", "audio/mpeg"),
        (b"fLaC", "audio/flac"),
    ],
)
def test_encoded_pictures_and_sounds_are_handed_on_as_they_are(start: bytes, kind: str) -> None:
    content = base64.b64encode(start).decode()
    data = shown(Blob(data=start))
    assert f'src="data:{kind};base64,{content}"' in data["text/html"]
    assert data.get(kind) == (content if kind.startswith("image/") else None)
    assert kind not in shown(Blob(data=start + bytes(2_000_000)))["text/html"]


def test_sound_is_an_audio_element() -> None:
    html = shown(Sound(samples=np.linspace(-1, 1, 100)))["text/html"]
    found = re.search(r'<audio controls src="data:audio/wav;base64,([^"]+)">', html)
    assert found
    with wave.open(io.BytesIO(base64.b64decode(found[1]))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (8000, 1, 100)
    stereo = shown(Sound(samples=np.zeros((3_000_000, 2), np.int16)))["text/html"]
    assert "<audio" in stereo
    assert len(stereo) < 3_000_000
    assert "<audio" not in shown(Sound(samples=np.zeros((2, 2, 2))))["text/html"]


def test_an_address_is_text_and_never_fetched() -> None:
    class Picture(BaseDoc):
        url: ImageUrl

    html = shown(Picture(url="http://example.org/a.png"))["text/html"]
    assert "http://example.org/a.png" in html
    assert "src=" not in html


def test_a_notebook_shows_a_list_as_a_table_of_its_first_documents() -> None:
    docs = DocList[Book]([Book(id=f"{number:032}", title=f"river {number}") for number in range(7)])
    for value in (docs, docs.to_doc_vec()):
        html = shown(value)["text/html"]
        assert "river 4" in html
        assert "river 5" not in html
        assert "2 more documents" in html
        assert " 0000000 ... " in html
    assert shown(docs)["text/plain"] == "<DocList[Book] (length=7)>"  # IPython has its own way with lists
    assert "river 4" in shown(docs.to_doc_vec())["text/plain"]
    many = AnyDoc(**{f"field{number}": number for number in range(20)})
    html = shown(DocList([many, Plain(text="a")]))["text/html"]
    assert "field6" in html
    assert "field7" not in html
    assert "14 more fields" in html
    assert "Length   0" in shown(DocList())["text/html"]


def test_representations_stay_one_line() -> None:
    assert repr(DocList[Book]()) == "<DocList[Book] (length=0)>"
    assert repr(Author(id="a", name="b")) == "Author(id='a', name='b')"
    assert str(Author(id="a", name="b")) == "id='a' name='b'"


def test_the_predefined_documents_show_what_they_hold() -> None:
    from thalweg.docs.documents import AudioDoc, ImageDoc

    pixels = np.zeros((4, 4, 3), np.uint8)
    assert "image/png" in shown(ImageDoc(tensor=pixels))
    encoded = base64.b64decode(shown(ImageDoc(tensor=pixels))["image/png"])
    assert shown(ImageDoc(bytes_=encoded))["image/png"] == base64.b64encode(encoded).decode()
    assert "<audio" in shown(AudioDoc(tensor=np.zeros(8), frame_rate=8000))["text/html"]
    assert "<audio" not in shown(AudioDoc(tensor=np.zeros(8)))["text/html"]
