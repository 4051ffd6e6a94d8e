"""What is done with bytes of strangers, to see that they end in documents or in an error of ours, and in little memory."""

from collections.abc import Callable
from typing import Any, Optional

import numpy as np
from hypothesis import strategies as st

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.codecs import protobuf
from thalweg.docs.typing import AnyTensor, ImageUrl, NdArray
from thalweg.errors import InvalidDocument, MalformedRequest


class Part(BaseDoc):
    text: str
    tensor: NdArray["n"] | None = None  # noqa: F821


class Whole(BaseDoc):
    text: str
    number: int = 0
    ratio: float = 0.5
    truth: bool = False
    blob: bytes = b""
    url: ImageUrl | None = None
    tensor: NdArray[3]
    ragged: AnyTensor | None = None
    part: Part | None = None
    parts: DocList[Part] = DocList[Part]()
    child: Optional["Whole"] = None
    either: Part | int | None = None
    anything: Any = None
    tags: dict[str, list[int]] = {}  # noqa: RUF012


def whole(number: int) -> Whole:
    return Whole(
        text="t" * number,
        number=number * 10**number,
        url="a.png",
        tensor=[number, 2, 3],
        ragged=np.zeros((number % 3, 2), np.int8),
        part=Part(text="p", tensor=[1.5]),
        parts=[Part(text="q")] * (number % 3),
        child=Whole(text="c", tensor=[0, 0, 0]) if number == 1 else None,
        either=Part(text="e") if number % 2 else 7,
        anything={"t": np.arange(3), "d": Part(text="x"), "n": 2**70, "s": {1, 2}, "u": (1, b"2")},
        tags={"a": [1]},
    )


FEW, MANY = DocList[Whole]([whole(i) for i in range(3)]), DocList[Whole]([whole(i % 4) for i in range(40)])
PARTS = DocVec[Part]([Part(text=str(i), tensor=[i]) for i in range(30)])

READERS: tuple[Callable[[bytes], Any], ...] = (
    lambda data: protobuf.decode_document(data, Whole),
    lambda data: protobuf.decode_document(data, AnyDoc),
    lambda data: protobuf.decode_list(data, Whole),
    lambda data: protobuf.decode_list(data, None),
    lambda data: protobuf.decode_vec(data, Whole),
    lambda data: protobuf.decode_vec(data, Part),
)

MESSAGES: tuple[bytes, ...] = (
    protobuf.encode_document(whole(2)),
    protobuf.encode_list(FEW),
    protobuf.encode_list(MANY),
    protobuf.encode_list(DocList[Part]([Part(text=str(i), tensor=[i]) for i in range(30)])),
    protobuf.encode_vec(PARTS),
    protobuf.encode_vec(DocVec[Whole]([whole(4)] * 3)),
)
"""Messages to begin with."""


def read(data: bytes) -> None:
    """Read `data` as each message; whatever is read can be looked at and, without a schema, written again."""
    for reader in READERS:
        try:
            found = reader(data)
        except (MalformedRequest, InvalidDocument):
            continue
        repr(found)
        for doc in [found] if isinstance(found, BaseDoc) else found:
            repr(doc)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A message some bytes of which are replaced, taken out or put in."""
    data = bytearray(draw(st.sampled_from(MESSAGES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.sampled_from([0, 1, 1, 1, 4, len(data)]))
        data[at : at + cut] = draw(st.binary(max_size=6))
    return bytes(data)


def _field(number: int, wire_type: int, content: bytes) -> bytes:
    length = bytes([len(content)]) if len(content) < 0x80 else bytes([len(content) & 0x7F | 0x80, len(content) >> 7])
    return bytes([number << 3 | wire_type]) + (length if wire_type == 2 else b"") + content


def crafted() -> st.SearchStrategy[bytes]:
    """Messages out of nothing, whose lengths mostly agree."""
    names = st.sampled_from(
        [b"text", b"tensor", b"id", b"part", b"parts", b"", b"<f8", b"|O", b"None", b"ndarray", b"<U1"]
    )
    numbers = st.sampled_from([b"\x00", b"\x01", b"\x7f", b"\xff\xff\xff\xff\x0f", b"\xff" * 9 + b"\x01"])
    leaves = names | numbers | st.binary(max_size=9)
    fields = st.builds(_field, st.integers(1, 13), st.sampled_from([0, 1, 2, 2, 2, 2, 5]), leaves)
    messages = st.recursive(
        fields,
        lambda inner: st.builds(
            lambda number, parts: _field(number, 2, b"".join(parts)[:2000]),
            st.integers(1, 13),
            st.lists(inner, max_size=4),
        ),
        max_leaves=12,
    )
    return st.lists(messages, max_size=4).map(b"".join)
