"""A gigabyte of documents goes into a file and into a store and comes out again, in constant memory.

    python -m pytest tests/docs/store/soak.py

takes a minute and 2 GB of disk.
"""

import subprocess
import sys
from pathlib import Path

import pytest

MOST = 64 << 20
"""Bytes by which a process may grow while a gigabyte passes through it."""

PROGRAM = """
import resource, struct, sys

import numpy as np

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.typing import NdArray


class Row(BaseDoc):
    text: str
    embedding: NdArray


def rows(count):
    for number in range(count):
        yield Row(text=f"row {number}", embedding=np.full(1 << 14, number, np.float32))  # 64 KiB


def write_stream(path, count):
    # `save_binary` takes a list, which would be the gigabyte: its head and its frames, one after the other, are the same.
    with open(path, "wb") as file:
        file.write(struct.pack(">BQ", 2, count))
        for row in rows(count):
            body = row.to_bytes("protobuf")
            file.write(struct.pack(">I", len(body)) + body)


def grown():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


what, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
if what == "file":
    write_stream(path, count)
else:
    DocList[Row].push_stream(rows(1), path, format=what)
before = grown()
if what == "file":
    docs = DocList[Row].load_binary(path, "protobuf", streaming=True)
else:
    DocList[Row].push_stream(rows(count), path, format=what)
    docs = DocList[Row].pull_stream(path)
for number, doc in enumerate(docs):
    assert doc.text == f"row {number}" and doc.embedding[-1] == number
assert number == count - 1
print(grown() - before)
"""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("what", ["file", "columns", "docarray"])
def test_a_gigabyte_passes_in_constant_memory(what: str, tmp_path: Path) -> None:
    path = tmp_path / "rows"
    command = [sys.executable, "-c", PROGRAM, what, path, str(1 << 14)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    size = (path if what == "file" else path.with_name("rows.docs")).stat().st_size
    assert size > (1 << 30 if what != "docarray" else 1 << 20)
    assert int(done.stdout) < MOST
