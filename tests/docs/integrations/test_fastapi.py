"""Documents as bodies and responses of FastAPI."""

import socket
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import numpy as np
import pytest
import torch
import uvicorn
from fastapi import APIRouter, BackgroundTasks, Body, Depends, FastAPI, Query
from fastapi.testclient import TestClient
from openapi_spec_validator import validate

from thalweg.docs import BaseDoc, DocList, DocVec
from thalweg.docs.integrations.fastapi import DocArrayResponse, DocumentRoute
from thalweg.docs.typing import AnyTensor, ImageUrl, NdArray, TorchTensor


class Part(BaseDoc):
    name: str
    points: NdArray["n", 3] | None = None  # type: ignore[name-defined]  # noqa: F821


class Question(BaseDoc):
    text: str
    embedding: NdArray[3]
    blob: bytes = b""
    url: ImageUrl | None = None
    part: Part | None = None
    parts: DocList[Part] = DocList[Part]()
    weights: TorchTensor[2] | None = None
    anything: AnyTensor | None = None
    rows: NdArray[..., 2] | None = None


def application() -> FastAPI:  # one endpoint for each form of body
    app = FastAPI()
    app.router.route_class = DocumentRoute

    @app.post("/one")
    async def one(doc: Question) -> Question:
        """Gives it back."""
        return doc

    @app.post("/many")
    def many(docs: DocList[Question], times: int = 1) -> DocList[Question]:
        assert type(docs) is DocList[Question]
        return docs * times

    @app.post("/list")
    async def plain_list(docs: list[Question]) -> list[Question]:
        assert type(docs) is list
        return docs

    @app.post("/columns")
    async def columns(docs: DocVec[Part]) -> DocVec[Part]:
        assert docs.points.ndim == 3
        return docs

    @app.post("/direct", response_model=DocList[Question])
    async def direct(docs: DocList[Question]) -> Any:
        return DocArrayResponse(docs)

    @app.post("/class", response_class=DocArrayResponse)
    async def response_class(docs: DocList[Question]) -> DocList[Question]:
        return docs

    @app.post("/several")
    async def several(docs: DocList[Part], number: Annotated[int, Body()], part: Part | None = None) -> list[Any]:
        return [[doc.name for doc in docs], number, part and part.name]

    @app.post("/embedded")
    async def embedded(part: Annotated[Part, Body(embed=True, alias="it")]) -> str:
        return part.name

    def size(docs: Annotated[list[str], Query()]) -> int:
        return len(docs)

    @app.get("/others")
    async def others(count: Annotated[int, Depends(size)], tasks: BackgroundTasks) -> int:
        return count

    return app


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(application())


def questions() -> DocList[Question]:
    full = Question(
        text="a",
        embedding=np.array([np.nan, 1, np.inf])[::-1],
        blob=b"\xff\xfe",
        url=ImageUrl("a.png"),
        part=Part(name="p", points=np.ones((2, 3))),
        parts=DocList[Part]([Part(name="q")]),
        weights=torch.ones(2),
        anything=np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        rows=np.zeros((1, 1, 2)),
    )
    return DocList[Question]([full, Question(text="b", embedding=np.zeros(3))])


HEADERS = {"content-type": "application/json"}


@pytest.mark.parametrize("path", ["/many", "/list", "/direct", "/class"])
def test_lists_of_documents_go_in_and_out(client: TestClient, path: str) -> None:
    answer = client.post(path, content=questions().to_json(), headers=HEADERS)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    back = DocList[Question].from_json(answer.text)
    assert back == questions()
    assert type(back[0].weights) is torch.Tensor


def test_one_document_goes_in_and_out(client: TestClient) -> None:
    answer = client.post("/one", content=questions()[0].to_json(), headers=HEADERS)
    assert Question.from_json(answer.text) == questions()[0]


def test_columns_go_in_and_out(client: TestClient) -> None:
    parts = DocVec[Part]([Part(name="a", points=np.ones((1, 3))), Part(name="b", points=np.zeros((1, 3)))])
    answer = client.post("/columns", content=parts.to_json(), headers=HEADERS)
    assert DocVec[Part].from_json(answer.text) == parts


def test_documents_beside_other_parameters(client: TestClient) -> None:
    assert client.post("/several", json={"docs": [{"name": "a"}], "number": 3}).json() == [["a"], 3, None]
    body = {"docs": [], "number": "4", "part": {"name": "b"}}
    assert client.post("/several", json=body).json() == [[], 4, "b"]
    assert client.post("/embedded", json={"it": {"name": "a"}}).json() == "a"
    assert client.get("/others", params={"docs": ["a", "b"]}).json() == 2
    answer = client.post("/many?times=2", content=questions().to_json(), headers=HEADERS)
    assert len(answer.json()) == 4


@pytest.mark.parametrize(
    "path, body, loc",
    [
        ("/many", '[{"text": "a", "embedding": [1, 2]}]', ["body", 0, "embedding"]),
        ("/one", '{"text": 1, "embedding": [1, 2, 3]}', ["body", "text"]),
        ("/list", '[{"embedding": [1, 2, 3]}]', ["body", 0, "text"]),
        ("/columns", '[{"name": "a"}, {"name": "b", "points": [[1, 2, 3]]}]', ["body"]),
        ("/several", '{"docs": [{"name": 1}], "number": 1}', ["body", "docs", 0, "name"]),
        ("/several", '{"docs": []}', ["body", "number"]),
        ("/several", "[]", ["body", "docs"]),
        ("/many", "[{", ["body"]),
        ("/many", "", ["body"]),
    ],
)
def test_what_does_not_fit_is_told(client: TestClient, path: str, body: str, loc: list[Any]) -> None:
    answer = client.post(path, content=body, headers=HEADERS)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == loc


def test_the_openapi_schema_is_right(client: TestClient) -> None:
    found = client.get("/openapi.json").json()
    validate(found)
    operation = found["paths"]["/many"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body["type"] == "array"
    assert body["items"]["$ref"].startswith("#/components/schemas/Question")
    for path in ("/many", "/direct", "/class"):
        answer = found["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer["items"]["$ref"].startswith("#/components/schemas/Question"), path
    question = found["components"]["schemas"][body["items"]["$ref"].rpartition("/")[2]]
    assert question["properties"]["embedding"]["maxItems"] == 3
    part = found["components"]["schemas"][question["properties"]["parts"]["items"]["$ref"].rpartition("/")[2]]
    assert part["properties"]["points"]["anyOf"][0]["items"]["minItems"] == 3
    one = found["paths"]["/one"]["post"]
    assert (one["summary"], one["description"]) == ("One", "Gives it back.")


def test_a_router_may_have_routes_for_documents() -> None:
    router = APIRouter(route_class=DocumentRoute)

    @router.post("/parts")
    async def parts(docs: DocList[Part]) -> int:
        return len(docs)

    app = FastAPI()
    app.include_router(router, prefix="/v1")
    assert TestClient(app).post("/v1/parts", json=[{"name": "a"}]).json() == 1


def test_plain_routes_take_documents_as_well() -> None:
    app = FastAPI()

    @app.post("/parts")
    async def parts(docs: Annotated[DocList[Part], Body()]) -> DocList[Part]:
        return docs

    client = TestClient(app)
    answer = client.post("/parts", json=[{"name": "a", "points": [[1, 2, 3]]}])
    assert DocList[Part].from_json(answer.text)[0].points.tolist() == [[1, 2, 3]]
    validate(client.get("/openapi.json").json())


def test_a_response_of_documents_in_anything() -> None:
    content = {
        "tensor": np.arange(6).reshape(2, 3).T,
        "torch": torch.ones(2),
        "document": Part(name="a", points=np.full((1, 3), np.nan)),
        "columns": DocVec[Part]([Part(name="b")]),
        "blob": b"\xff",
        "number": float("inf"),
    }
    found = httpx.Response(200, content=DocArrayResponse(content).body).json()
    assert found["tensor"] == [[0, 3], [1, 4], [2, 5]]
    assert found["torch"] == [1.0, 1.0]
    assert found["document"]["points"] == [[None, None, None]]
    assert found["columns"][0]["name"] == "b"
    assert (found["blob"], found["number"]) == ("_w==", "Infinity")


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(ValueError, match="no JSON form"):
        DocArrayResponse({"a": object()})


@pytest.fixture
def address() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(application(), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            # The socket listens already: whoever connects before the server is up waits for it.
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def test_over_a_real_connection(address: str) -> None:
    with httpx.Client(base_url=address, timeout=30) as client:
        for path in ("/many", "/direct"):
            answer = client.post(path, content=questions().to_json(), headers=HEADERS)
            assert DocList[Question].from_json(answer.text) == questions()
        validate(client.get("/openapi.json").json())
