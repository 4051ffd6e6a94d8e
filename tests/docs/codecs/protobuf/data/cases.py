# ruff: noqa: PLR0402, PLR0911, RUF012, UP006, UP035, UP045
"""Documents that are exchanged with DocArray: the same source makes them with DocArray, where that is installed, and here.

`CASES` maps a name to documents: one, a DocList or a DocVec. `OURS` holds what DocArray cannot write, but read. `describe`
says what they hold in a form that both sides can compare, as JSON.
"""

from base64 import b64encode
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Dict, FrozenSet, List, Optional, Set, Tuple
from uuid import UUID

import numpy as np

try:
    import docarray.documents as documents
    from docarray import BaseDoc, DocList, DocVec
    from docarray.base_doc.doc import BaseDocWithoutId
    from docarray.computation.numpy_backend import NumpyCompBackend
    from docarray.typing import (
        ID,
        AnyEmbedding,
        AnyUrl,
        AudioBytes,
        AudioNdArray,
        AudioUrl,
        ImageBytes,
        ImageNdArray,
        ImageUrl,
        Mesh3DUrl,
        NdArray,
        NdArrayEmbedding,
        PointCloud3DUrl,
        TextUrl,
        VideoBytes,
        VideoNdArray,
        VideoUrl,
    )

    # DocArray cannot stack arrays of NumPy 2, which have a device.
    NumpyCompBackend.empty = classmethod(lambda cls, shape, dtype=None, device=None: np.empty(shape, dtype))
except ImportError:
    from thalweg.docs import BaseDoc, BaseDocWithoutId, DocList, DocVec, documents
    from thalweg.docs.typing import (
        ID,
        AnyEmbedding,
        AnyUrl,
        AudioBytes,
        AudioNdArray,
        AudioUrl,
        ImageBytes,
        ImageNdArray,
        ImageUrl,
        Mesh3DUrl,
        NdArray,
        NdArrayEmbedding,
        PointCloud3DUrl,
        TextUrl,
        VideoBytes,
        VideoNdArray,
        VideoUrl,
    )


class Text(BaseDoc):
    text: str


class Embedded(Text):
    embedding: NdArray[4]


class Scalars(BaseDoc):
    text: str = "Wasser läuft \U0001f30a\x00"
    empty: str = ""
    number: int = -7
    least: int = -(2**31)
    most: int = 2**31 - 1
    zero: int = 0
    ratio: float = 0.1
    huge: float = 1.7e308
    yes: bool = True
    no: bool = False
    blob: bytes = b"\x00\xff\xfe"
    no_blob: bytes = b""
    nothing: Optional[str] = None
    some: Optional[int] = 3
    other: ID = "another"


class Containers(BaseDoc):
    words: List[str] = ["a", "", "c"]
    numbers: Set[int] = {1, 2, 3}
    pair: Tuple[int, str] = (1, "b")
    empty: List[str] = []
    scores: Dict[str, float] = {"a": 0.5, "": -1.0}
    lists: Dict[str, List[int]] = {"x": [1, 2], "y": []}
    nested: List[List[int]] = [[1], [], [2, 3]]
    anything: Any = None
    free: dict = {"a": [1, "b", None, {"c": True}], "t": (1.5,)}


class Tensors(BaseDoc):
    f2: NdArray = np.arange(4, dtype="<f2")
    f4: NdArray[2, 3] = np.arange(6, dtype="<f4").reshape(2, 3)
    f8: NdArray = np.arange(6, dtype="<f8").reshape(2, 3).T
    big_endian: NdArray = np.arange(3, dtype=">i4")
    i1: NdArray = np.array([-1, 1], "i1")
    u1: NdArray = np.array([[255, 0]], "u1")
    i8: NdArray = np.array([2**62], "i8")
    u8: NdArray = np.array([2**64 - 1], "u8")
    truth: NdArray = np.array([True, False])
    c8: NdArray = np.array([1 + 2j], "c8")
    scalar: NdArray = np.array(5.5)
    strided: NdArray = np.arange(10, dtype="i4")[::3]
    embedding: Optional[AnyEmbedding] = np.ones(3, "f4")
    missing: Optional[NdArray] = None
    several: List[NdArray] = [np.zeros(2, "f4"), np.ones((1, 1), "i2")]


class Empty(BaseDoc):
    tensor: NdArray = np.zeros((0, 3), "f8")


class Keys(BaseDoc):
    """Every type key that DocArray has without another library."""

    ndarray: NdArray = np.arange(2, dtype="f4")
    ndarray_embedding: NdArrayEmbedding = np.arange(3, dtype="f4")
    image_ndarray: ImageNdArray = np.arange(12, dtype="u1").reshape(2, 2, 3)
    audio_ndarray: AudioNdArray = np.arange(4, dtype="f4")
    video_ndarray: VideoNdArray = np.arange(24, dtype="u1").reshape(2, 2, 2, 3)
    any_url: AnyUrl = "https://example.org/x"
    text_url: TextUrl = "https://example.org/x.txt"
    image_url: ImageUrl = "https://example.org/x.png"
    audio_url: AudioUrl = "https://example.org/x.wav"
    video_url: VideoUrl = "https://example.org/x.mp4"
    mesh_url: Mesh3DUrl = "https://example.org/x.obj"
    point_cloud_url: PointCloud3DUrl = "https://example.org/x.ply"
    image_bytes: ImageBytes = b"image"
    audio_bytes: AudioBytes = b"audio"
    video_bytes: VideoBytes = b"video"


class Nested(BaseDoc):
    one: Text
    maybe: Optional[Embedded] = None
    many: DocList[Embedded] = []
    perhaps: Optional[DocList[Text]] = None
    listed: List[Text] = []
    deep: List[List[Text]] = []
    named: Dict[str, Text] = {}
    lists: Dict[str, DocList[Text]] = {}


class Bare(BaseDocWithoutId):
    x: int
    tensor: Optional[NdArray] = None


class Holder(BaseDoc):
    bare: Bare
    bares: DocList[Bare] = []


class Node(BaseDoc):
    name: str
    child: Optional["Node"] = None
    children: Optional["DocList[Node]"] = None


class Column(BaseDoc):
    text: str
    tensor: NdArray[2]
    missing: Optional[NdArray] = None
    number: Optional[float] = None
    url: Optional[ImageUrl] = None
    inner: Embedded
    absent: Optional[Embedded] = None
    docs: DocList[Text]
    tags: Dict[str, int] = {}


class Colour(Enum):
    RED = "red"
    BLUE = 2


class Beyond(BaseDoc):
    milliseconds: int
    large: int
    least: int
    anything: Any
    numbers: List[int]
    moment: datetime
    day: date
    span: timedelta
    key: UUID
    price: Decimal
    colours: List[Colour]
    frozen: FrozenSet[int]
    keyed: Dict[int, str]
    narrow: float


Nested.model_rebuild()
Node.model_rebuild()


def filled(doc_type: Any, name: str, **values: Any) -> Any:
    """A document whose defaults are validated, as DocArray does not do of itself."""
    fields = {field: info.get_default() for field, info in doc_type.model_fields.items() if field != "id"}
    return doc_type(**{"id": name, **fields, **values})


def text(number: int) -> Text:
    return Text(id=f"t{number}", text=f"text {number}")


def embedded(number: int) -> Embedded:
    return Embedded(id=f"e{number}", text="e" * (number % 7), embedding=np.full(4, number, "f4"))


def nested(number: int) -> Nested:
    return Nested(
        id=f"n{number}",
        one=text(number),
        maybe=embedded(number) if number % 2 else None,
        many=DocList[Embedded]([embedded(i) for i in range(number % 3)]),
        perhaps=DocList[Text]([text(1)]) if number % 3 else None,
        listed=[text(2)],
        deep=[[text(3)], []],
        named={"a": text(4)},
        lists={"b": DocList[Text]([text(5), text(6)])},
    )


def column(number: int) -> Column:
    return Column(
        id=f"c{number}",
        text=str(number),
        tensor=np.full(2, number, "f4"),
        number=number / 2 if number else None,
        url="a.png" if number else None,
        inner=embedded(number),
        docs=DocList[Text]([text(number), text(number + 1)]),
        tags={"a": number},
    )


def bare(number: int) -> Bare:
    return Bare(x=number, tensor=np.full(2, number, "i4"))


CASES: dict[str, Any] = {
    "scalars": filled(Scalars, "s"),
    "containers": filled(Containers, "c", anything={"a": [1, 2.5, "x", None, b"y"]}),
    "tensors": filled(Tensors, "t"),
    "keys": filled(Keys, "k"),
    "without_id": Text(id=None, text="x"),
    "bare": bare(3),
    "holder": Holder(id="h", bare=bare(1), bares=DocList[Bare]([bare(2), bare(3)])),
    "nested": nested(1),
    "node": Node(
        id="r",
        name="root",
        child=Node(id="a", name="a"),
        children=DocList[Node]([Node(id="b", name="b", children=DocList[Node]([Node(id="c", name="c")]))]),
    ),
    "text_doc": documents.TextDoc(id="d", text="t", url="a.txt", embedding=np.ones(2, "f4"), bytes_=b"b"),
    "image_doc": documents.ImageDoc(
        id="i", url="a.png", tensor=np.zeros((2, 2, 3), "u1"), embedding=np.ones(2, "f4"), bytes_=b"b"
    ),
    "empty_list": DocList[Text](),
    "list": DocList[Embedded]([embedded(i) for i in range(3)]),
    "long_list": DocList[Embedded]([embedded(i) for i in range(60)]),
    "nested_list": DocList[Nested]([nested(i) for i in range(30)]),
    "bare_list": DocList[Bare]([bare(i) for i in range(30)]),
    "vec": DocVec[Column]([column(i) for i in range(5)]),
    "texts_vec": DocVec[Text]([text(i) for i in range(40)]),
}

OURS: dict[str, Any] = {
    "beyond": Beyond(
        id="b",
        milliseconds=1_700_000_000_000,
        large=2**63 - 1,
        least=-(2**63),
        anything={"big": 2**40, "small": 5},
        numbers=[1, 2**31, -(2**31) - 1, 2**60 + 1],
        moment=datetime(2024, 2, 29, 12, 30, 1, 5, tzinfo=UTC),
        day=date(2024, 2, 29),
        span=timedelta(days=1, seconds=2, microseconds=3),
        key=UUID(int=7),
        price=Decimal("1.50"),
        colours=[Colour.RED, Colour.BLUE],
        frozen=frozenset({1, 2}),
        keyed={1: "a", -2: "b"},
        narrow=np.float32(0.5),
    )
}


def describe(value: Any) -> Any:
    """What a value holds, as JSON; fields of documents in alphabetical order."""
    if isinstance(value, BaseDocWithoutId):
        fields = {name: getattr(value, name) for name in value.__class__.model_fields}
        return {"class": type(value).__name__, "fields": {name: describe(fields[name]) for name in sorted(fields)}}
    if isinstance(value, np.ndarray):
        kept = np.ascontiguousarray(value).reshape(value.shape)
        data = b64encode(kept.tobytes()).decode()
        return {"shape": list(value.shape), "dtype": value.dtype.str, "data": data}
    if isinstance(value, (DocList, DocVec)):
        return {"docs": [describe(doc) for doc in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): describe(value[key]) for key in sorted(value)}}
    for kind in (list, tuple):
        if isinstance(value, kind):
            return {kind.__name__: [describe(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {"set": sorted(map(describe, value))}
    if isinstance(value, bytes):
        return {"bytes": b64encode(value).decode()}
    return value if value is None or type(value) in (bool, int, float) else str(value)
