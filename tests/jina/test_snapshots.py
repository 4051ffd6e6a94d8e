"""Jina's stubs take snapshots of what we serve."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.jina.conftest import PATIENCE, SURROUNDINGS, command
from thalweg import Client, Deployment, Executor, requests, write
from thalweg.docs import BaseDoc, DocList


class Text(BaseDoc):
    text: str = ""


class Store(Executor):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words: list[str] = []

    @write
    @requests(on="/add")
    def add(self, docs: DocList[Text]) -> None:
        self.words += docs.text

    @requests(on="/words")
    def read(self, docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([Text(text=word) for word in self.words])

    def snapshot(self, snapshot_file: str) -> None:
        Path(snapshot_file).write_text("\n".join(self.words))

    def restore(self, snapshot_file: str) -> None:
        self.words = Path(snapshot_file).read_text().split()


def deployment(workspace: Path) -> Deployment:
    return Deployment(uses=Store, name="store", protocol="grpc", host="127.0.0.1", workspace=str(workspace))


def said(address: str, *file: str) -> Any:
    done = subprocess.run(
        command("snapshots", address.removeprefix("grpc://"), *file),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env=SURROUNDINGS,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_snapshot_is_taken_and_restored_in_a_new_deployment(tmp_path: Path) -> None:
    with deployment(tmp_path) as served:
        words = DocList[Text]([Text(text="one"), Text(text="two")])
        Client(served.addresses[0]).post("/add", words, return_type=DocList[Text])
        taken = said(served.addresses[0])
    assert taken.pop("file").startswith(str(tmp_path))
    assert taken == {"status": "SUCCEEDED", "unknown": "NOT_FOUND", "writes": ["/add"]}
    (file,) = tmp_path.rglob("state.bin")
    with deployment(tmp_path) as served:
        restored = said(served.addresses[0], str(file))
        assert (restored["status"], restored["unknown"]) == ("SUCCEEDED", "NOT_FOUND")
        kept = Client(served.addresses[0]).post("/words", DocList[Text]([Text()]), return_type=DocList[Text])
    assert list(kept.text) == ["one", "two"]
