"""Documents as CSV."""

import csv
import os
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from thalweg.docs import AnyDoc, BaseDoc, BaseDocWithoutId, DocList
from thalweg.docs.typing import ImageUrl, NdArray
from thalweg.errors import InvalidDocument, MalformedRequest


class Colour(Enum):
    GREEN = "green"
    BLUE = 2


class Author(BaseDoc):
    name: str = ""
    born: int | None = None


class Page(BaseDoc):
    text: str
    number: int = 0
    score: float | None = None
    good: bool | None = None
    data: bytes = b""
    author: Author = Field(default_factory=Author)
    editor: Author | None = None


class Rich(BaseDoc):
    embedding: NdArray["n", 2] | None = None  # noqa: F821  # the name of a size
    tags: list[str] | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    anything: Any = None
    children: DocList[Author] | None = None
    parent: "Rich | None" = None
    open: AnyDoc | None = None
    url: ImageUrl | None = None
    when: datetime | None = None
    day: date | None = None
    price: Decimal | None = None
    key: UUID | None = None
    colour: Colour | None = None
    kind: Literal["a", "b", 3] = "a"
    short: str = Field("x", max_length=5, alias="brief")


class Bare(BaseDocWithoutId):
    text: str | None = None
    inner: "Bare | None" = None


class Inner(BaseDocWithoutId):
    a: int | None = None
    b: int | None = None


class Outer(BaseDocWithoutId):
    n: int
    inner: Inner | None = None


def there_and_back(docs: DocList[Any], tmp_path: Path, **options: Any) -> Any:
    docs.to_csv(tmp_path / "docs.csv", **options)
    back = type(docs).from_csv(str(tmp_path / "docs.csv"), **options)
    assert type(back) is type(docs)
    return back


def lines(text: str, tmp_path: Path, encoding: str = "utf-8") -> Path:
    path = tmp_path / "lines.csv"
    path.write_bytes(text.encode(encoding))
    return path


# --- there and back


def test_scalars_and_nested_documents_come_back(tmp_path: Path) -> None:
    docs = DocList[Page](
        [
            Page(text='a "quoted", text\r\nof\nlines\r', number=-5, score=0.1, good=True, data=b"\xff\0"),
            Page(
                text=" ä€𝄞\t", score=float("inf"), good=False, author=Author(name="A", born=3), editor=Author(name="E")
            ),
        ]
    )
    back = there_and_back(docs, tmp_path)
    assert back == docs
    assert [(doc.id, doc.author.id, doc.editor and doc.editor.id) for doc in back] == [
        (doc.id, doc.author.id, doc.editor and doc.editor.id) for doc in docs
    ]
    header = (tmp_path / "docs.csv").read_text("utf-8").splitlines()[0]
    assert header == (
        "id,text,number,score,good,data,author__id,author__name,author__born,editor__id,editor__name,editor__born"
    )


def test_tensors_lists_and_everything_else_come_back(tmp_path: Path) -> None:
    child = Rich(colour="green")
    full = Rich(
        embedding=[[1, 0.5], [np.nan, -np.inf]],
        tags=["a", "", "None"],
        counts={"ä": 1},
        anything={"a": [1, None, "x"]},
        children=[Author(name="c"), Author(born=5)],
        parent=child,
        open=AnyDoc(colour="red"),
        url="river.png",
        when=datetime(2024, 5, 17, 12, 30, tzinfo=UTC),
        day=date(2024, 5, 17),
        price=Decimal("10.50"),
        key=UUID(int=5),
        colour=Colour.GREEN,
        kind="b",
        brief="12345",
    )
    numbers = Rich(colour=Colour.BLUE, kind=3, price=Decimal("0.12345678901234567890"))
    docs = DocList[Rich]([full, Rich(), numbers])
    back = there_and_back(docs, tmp_path)
    assert back == docs
    assert (back[0].parent, back[0].children, back[0].open.colour) == (child, full.children, "red")
    assert back[0].embedding.dtype == np.float64
    assert (back[1].embedding, back[1].open, back[1].tags) == (None, None, None)


def test_a_number_and_its_digits_are_one_thing(tmp_path: Path) -> None:
    class Either(BaseDocWithoutId):
        value: int | str

    assert there_and_back(DocList[Either]([Either(value=5), Either(value="5")]), tmp_path).value == ["5", "5"]


def test_a_tensor_may_be_longer_than_pythons_limit_of_a_cell(tmp_path: Path) -> None:
    docs = DocList[Rich]([Rich(embedding=np.random.default_rng(0).random((20_000, 2)))])
    assert there_and_back(docs, tmp_path) == docs


def test_documents_within_documents_of_their_class_are_json(tmp_path: Path) -> None:
    docs = DocList[Bare]([Bare(text="a", inner=Bare(text="b", inner=Bare(text="c"))), Bare()])
    assert there_and_back(docs, tmp_path) == docs
    assert (tmp_path / "docs.csv").read_text().splitlines()[0] == "text,inner"


def test_an_empty_list_comes_back_with_its_header(tmp_path: Path) -> None:
    assert there_and_back(DocList[Page](), tmp_path) == []
    assert (tmp_path / "docs.csv").read_text().startswith("id,text,")


@pytest.mark.parametrize("dialect", ["excel", "excel-tab", "unix"])
def test_every_dialect_comes_back(dialect: str, tmp_path: Path) -> None:
    docs = DocList[Page]([Page(text='a\t,;"b"\nc'), Page(text="d")])
    assert there_and_back(docs, tmp_path, dialect=dialect) == docs


def test_a_dialect_of_ones_own_comes_back(tmp_path: Path) -> None:
    class Semicolons(csv.excel):
        delimiter = ";"

    docs = DocList[Page]([Page(text="a;b,c")])
    for dialect in (Semicolons, Semicolons()):
        assert there_and_back(docs, tmp_path, dialect=dialect) == docs
    assert (tmp_path / "docs.csv").read_text().startswith("id;text;")


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.builds(
            Page,
            text=st.text(st.characters(codec="utf-8")),
            number=st.integers(),
            score=st.none() | st.floats(allow_nan=False),
            good=st.none() | st.booleans(),
            data=st.binary(),
            editor=st.none()
            | st.builds(Author, name=st.text(st.characters(codec="utf-8")), born=st.none() | st.integers()),
        )
    )
)
def test_whatever_text_and_numbers_hold_comes_back(tmp_path_factory: pytest.TempPathFactory, docs: list[Page]) -> None:
    assert there_and_back(DocList[Page](docs), tmp_path_factory.getbasetemp()) == docs


# --- None and nothing


def test_an_empty_cell_and_the_word_none_are_none_where_that_may_be(tmp_path: Path) -> None:
    path = lines("text,n\nNone,1\n,2\n", tmp_path)

    class Loose(BaseDocWithoutId):
        text: str | None = "default"
        n: int

    assert DocList[Loose].from_csv(path).text == [None, None]
    assert there_and_back(DocList[Loose]([Loose(text="", n=1)]), tmp_path).text == [None]

    class Tight(BaseDocWithoutId):
        text: str = "default"
        n: int

    assert DocList[Tight].from_csv(path).text == ["None", ""]


def test_an_empty_cell_of_a_field_that_is_never_none_is_its_default(tmp_path: Path) -> None:
    assert DocList[Page].from_csv(lines("text,number,good\na,,\n", tmp_path))[0].number == 0
    with pytest.raises(InvalidDocument, match=r"^line 3\.n: Field required"):
        DocList[Outer].from_csv(lines("n\n1\nNone\n", tmp_path))


def test_a_nested_document_of_empty_cells_is_none(tmp_path: Path) -> None:
    docs = DocList[Outer]([Outer(n=1), Outer(n=2, inner=Inner(b=3)), Outer(n=3, inner=Inner())])
    back = there_and_back(docs, tmp_path)
    assert (back[:2], back[2].inner) == (docs[:2], None)


def test_columns_may_be_missing_and_in_any_order(tmp_path: Path) -> None:
    path = lines("author__name,text\r\nA,one\r\n\r\nB,two\r\n", tmp_path)
    docs = DocList[Page].from_csv(path)
    assert (docs.text, docs.author.name, docs.number) == (["one", "two"], ["A", "B"], [0, 0])
    assert len(docs[0].id) == 32


# --- what is refused


def test_columns_that_are_no_fields_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Page has no field for the columns 'author', 'nothing'$"):
        DocList[Page].from_csv(lines("text,author,nothing\n", tmp_path))
    with pytest.raises(ValueError, match="'author__nam'; did you mean 'author__name'"):
        DocList[Page].from_csv(lines("text,author__nam\n", tmp_path))
    with pytest.raises(ValueError, match=r"\['text'\] come more than once"):
        DocList[Page].from_csv(lines("text,text\n", tmp_path))
    with pytest.raises(ValueError, match="has no header"):
        DocList[Page].from_csv(lines("", tmp_path))


def test_cells_that_do_not_fit_are_told_by_line_and_field(tmp_path: Path) -> None:
    path = lines('text,number,editor__born\n"a\nb",1,\nb,x,y\nc,2,z\n', tmp_path)
    with pytest.raises(
        InvalidDocument, match=r"^line 4\.number: Input should be a valid integer.*and 2 more"
    ) as caught:
        DocList[Page].from_csv(path)
    assert [item["loc"] for item in caught.value.details] == [
        ["line 4", "number"],
        ["line 4", "editor", "born"],
        ["line 5", "editor", "born"],
    ]


@pytest.mark.parametrize("cell", ["[[1,2],[3]]", "[[1,2]", "x", "[1]", '"[[1,\n2]] "x'])
def test_a_tensor_that_is_none_is_told(cell: str, tmp_path: Path) -> None:
    quoted = cell if cell.startswith('"') else '"' + cell.replace('"', '""') + '"'
    with pytest.raises(InvalidDocument, match=r"^line [23]\.embedding: "):
        DocList[Rich].from_csv(lines(f"embedding\n{quoted}\n", tmp_path))


def test_a_line_of_another_length_is_malformed(tmp_path: Path) -> None:
    for line, count in (("a", 1), ("a,1,2", 3)):
        with pytest.raises(MalformedRequest, match=f"Line 2 has {count} cells for 2 columns"):
            DocList[Page].from_csv(lines(f"text,number\n{line}\n", tmp_path))


def test_an_encoding_is_told_apart(tmp_path: Path) -> None:
    path = lines("text\nein Fluß\n", tmp_path, "latin-1")
    with pytest.raises(MalformedRequest, match=r"The file is not utf-8.* byte 0xdf.*encoding='latin-1'"):
        DocList[Page].from_csv(path)
    assert DocList[Page].from_csv(path, encoding="latin-1").text == ["ein Fluß"]
    assert DocList[Page].from_csv(lines("\ufefftext\na\n", tmp_path)).text == ["a"]
    assert DocList[Page].from_csv(lines("text\na\n", tmp_path, "utf-16"), "utf-16").text == ["a"]
    with pytest.raises(ValueError, match="There is no encoding 'utf-9'"):
        DocList[Page].from_csv(path, encoding="utf-9")


def test_a_dialect_that_is_not_known_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    for call in (DocList[Page]().to_csv, DocList[Page].from_csv):
        with pytest.raises(ValueError, match="There is no dialect 'exel'; did you mean 'excel'"):
            call(tmp_path / "a.csv", dialect="exel")
    assert not os.listdir(tmp_path)


def test_a_dialect_that_cannot_hold_a_text_is_told_and_leaves_the_old_file(tmp_path: Path) -> None:
    class Unquoted(csv.excel):
        quoting = csv.QUOTE_NONE

    path = lines("old", tmp_path)
    with pytest.raises(ValueError, match="The dialect cannot hold the documents: need to escape"):
        DocList[Page]([Page(text="a,b")]).to_csv(path, dialect=Unquoted)
    assert (os.listdir(tmp_path), path.read_text()) == (["lines.csv"], "old")


def test_a_list_without_a_class_has_no_columns(tmp_path: Path) -> None:
    for array in (DocList, DocList[BaseDoc], DocList[AnyDoc]):
        with pytest.raises(TypeError, match="needs a schema"):
            array().to_csv(tmp_path / "a.csv")
        with pytest.raises(TypeError, match="needs a schema"):
            array.from_csv(tmp_path / "a.csv")


def test_a_value_without_a_form_is_told(tmp_path: Path) -> None:
    docs = DocList[Rich]([Rich(), Rich(embedding=np.zeros((1, 2), complex))])
    with pytest.raises(ValueError, match=r"Document 1 has no form in CSV: .*complex"):
        docs.to_csv(tmp_path / "a.csv")
    assert not os.listdir(tmp_path)


def test_two_fields_cannot_share_a_column(tmp_path: Path) -> None:
    class Twice(BaseDoc):
        author: Author
        author__name: str

    with pytest.raises(ValueError, match="Two fields of Twice would have the column 'author__name'"):
        DocList[Twice]().to_csv(tmp_path / "a.csv")


def test_a_field_that_never_leaves_has_no_column(tmp_path: Path) -> None:
    class Secret(BaseDocWithoutId):
        text: str
        key: str = Field("none", exclude=True)

    docs = DocList[Secret]([Secret(text="a", key="b")])
    assert there_and_back(docs, tmp_path).key == ["none"]
    assert (tmp_path / "docs.csv").read_text() == "text\na\n"


# --- addresses


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_csv_file_is_read_over_http(web: str, tmp_path: Path) -> None:
    docs = DocList[Page]([Page(text="a")])
    docs.to_csv(tmp_path / "docs.csv")
    assert DocList[Page].from_csv(f"{web}/docs.csv") == docs
    with pytest.raises(FileNotFoundError):
        DocList[Page].from_csv(f"{web}/nothing.csv")


def test_a_file_that_is_missing_is_missed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DocList[Page].from_csv(tmp_path / "nothing.csv")


def test_a_header_of_many_columns_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("text" + ",text" * 100_000)
    with pytest.raises(ValueError, match=r"\['text'\] come more than once"):
        DocList[Page].from_csv(path)
    path.write_text(",".join(f"column{n}" for n in range(10_000)))
    with pytest.raises(ValueError, match=r"'column19', \.\.\.$"):
        DocList[Page].from_csv(path)
