"""Writes what DocArray makes of the documents in `pages`, for the tests to read.

    python tests/docs/store/write_with_docarray.py

runs in an environment of its own, with docarray==0.40.0 and what it needs: numpy, protobuf, lz4 and pydantic 2.9. With
`--read FOLDER` it reads what Thalweg wrote there instead, and fails where that is not the same.
"""

import gzip
import sys
from pathlib import Path

import numpy as np
from docarray import BaseDoc, DocList
from docarray.store.helpers import _to_binary_stream
from docarray.typing import ImageUrl, NdArray

HERE = Path(__file__).parent / "written_by_docarray"
COMPRESS = [None, "lz4", "bz2", "lzma", "zlib", "gzip"]


class Author(BaseDoc):
    name: str = ""


class Page(BaseDoc):
    text: str
    number: int
    embedding: NdArray[3]
    url: ImageUrl | None
    author: Author | None
    tags: list[str]


def pages() -> DocList[Page]:
    return DocList[Page](
        Page(
            id=f"page{n}",
            text=f"page {n}",
            number=n,
            embedding=np.array([n, 0.5, -1], np.float32),
            url="river.png" if n else None,
            author=Author(id="a", name="Ä") if n else None,
            tags=["a"] * n,
        )
        for n in range(3)
    )


def write() -> None:
    HERE.mkdir(exist_ok=True)
    for compress in COMPRESS:
        for protocol in ("protobuf", "protobuf-array"):
            if not (compress == "zlib" and protocol == "protobuf-array"):  # DocArray leaves these as they are
                suffix = f".{compress}" if compress else ""
                pages().save_binary(HERE / f"pages.{protocol}{suffix}", protocol, compress)
    pages().push(f"file://{HERE}/pages")
    DocList[Page]().push(f"file://{HERE}/empty")
    # What the store for S3 uploads, without a server.
    with gzip.GzipFile(HERE / "pickled.docs", "wb", mtime=0) as file:
        for piece in _to_binary_stream(iter(pages()), protocol="pickle", compress=None):
            file.write(piece)


def read(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.suffix == ".docs":
            found = DocList[Page].pull(f"file://{path.with_suffix('')}", local_cache=False)
        else:
            found = DocList[Page].load_binary(path)
        expected = [] if path.stem == "empty" else pages()
        if [doc.to_json() for doc in found] != [doc.to_json() for doc in expected]:
            sys.exit(f"{path.name} is read as {list(found)}")
        print(f"{path.name}: the same")


if __name__ == "__main__":
    read(Path(sys.argv[2])) if sys.argv[1:2] == ["--read"] else write()
