"""What a JSON body says beside documents and parameters, and endpoints whose body is the document itself."""

import json
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.errors import InvalidDocument, ThalwegError
from thalweg.message import COLUMNS, Context, EndpointDescription, Request, Response, ServiceDescription
from thalweg.message.description import DEFAULT_ENDPOINT
from thalweg.message.framing import pack_body
from thalweg.transport.http.addressing import NOWHERE, Address, address, addressed_answer

PARAMETERS = {"type": "object", "properties": {"top": {"type": "integer"}}}
BARE = ServiceDescription(
    "bare",
    (
        EndpointDescription("/bare", parameters_schema=PARAMETERS, envelope=False),
        EndpointDescription("/stream", envelope=False, streaming=True),
    ),
)


@pytest.mark.parametrize(
    "body,found",
    [
        (b'{"data": []}', NOWHERE),
        (b"[]", NOWHERE),
        (b'{"data": [{"header": 1}]}', NOWHERE),
        (b'{"header": null}', NOWHERE),
        (b'{"header": {}}', Address(header=True)),
        (b'{"header": {"request_id": "r1", "targetExecutor": "enc", "x": 1}}', Address("r1", "", "enc", True)),
        (b'{"header": {"requestId": "r1", "target_executor": null}}', Address("r1", "", "", True)),
        (b'{"targetExecutor": "a", "header": {"targetExecutor": "b"}}', Address("", "", "a", True)),
        (b'{"target_executor": "a.*"}', Address("", "", "a.*")),
        (b'{"header": ', NOWHERE),
    ],
)
def test_what_a_body_says_of_itself(body: bytes, found: Address) -> None:
    assert address(body) == found


@pytest.mark.parametrize(
    "body,place",
    [
        (b'{"header": 3}', ["header"]),
        (b'{"header": {"request_id": 3}}', ["header", "request_id"]),
        (b'{"targetExecutor": []}', ["targetExecutor"]),
    ],
)
def test_what_is_no_text_is_named(body: bytes, place: list[str]) -> None:
    with pytest.raises(InvalidDocument) as raised:
        address(body)
    assert raised.value.details[0]["loc"] == place


@given(st.binary(max_size=50).map(lambda rest: b'{"header"' + rest))
def test_no_body_makes_it_fail(body: bytes) -> None:
    try:
        address(body, anywhere=True)
    except ThalwegError:
        return


@pytest.mark.parametrize("body", [b"{}", b'{"data": {"a": 1}, "header": {"x": 1}}', b'{"data": null}'])
def test_an_answer_always_has_the_shape_of_one(body: bytes) -> None:
    made = json.loads(addressed_answer(body, Address(target="x", header=True), "r1"))
    assert list(made) == ["header", "data", "parameters"]
    assert made["header"] == {"request_id": "r1", "target_executor": "x"}
    assert isinstance(made["data"], list)


async def test_who_sends_a_header_gets_one(serve) -> None:
    site = await serve()
    body = b'{"data": [{"a": 1}], "header": {"request_id": "mine", "targetExecutor": "enc"}}'
    _, headers, answer = await site.post("/echo", body)
    assert json.loads(answer) == {
        "header": {"request_id": "mine", "target_executor": "enc"},
        "data": [{"a": 1}],
        "parameters": {},
    }
    assert headers["x-request-id"] == "mine"
    assert site.handler.requests[0].target == "enc"
    assert site.handler.contexts[0].request_id == "mine"


async def test_a_header_without_an_id_is_given_one_and_no_header_none(serve) -> None:
    site = await serve()
    _, _, answer = await site.post("/echo", b'{"data": [], "header": {}}')
    assert len(json.loads(answer)["header"]["request_id"]) == 32
    _, _, answer = await site.post("/echo", b'{"data": []}')
    assert json.loads(answer) == {"data": []}


@pytest.mark.parametrize("name", ["execEndpoint", "exec_endpoint"])
async def test_post_goes_where_the_body_says(serve, name: str) -> None:
    site = await serve()
    for said in ("/echo", "deep/er"):
        status, _, _ = await site.post("/post", json.dumps({"data": [], name: said}).encode())
        assert status == 200
    assert [request.endpoint for request in site.handler.requests] == ["/echo", "/deep/er"]
    body = json.dumps({"header": {"exec_endpoint": "/echo"}, "data": []}).encode()
    assert (await site.post("/post", body))[0] == 200


async def test_post_without_an_endpoint_or_to_none_lists_those_that_there_are(serve) -> None:
    site = await serve()
    for body in (b'{"data": []}', b'{"data": [], "exec_endpoint": "/nowhere"}'):
        status, _, answer = await site.post("/post", body)
        assert status == 404
        assert "/deep/er" in json.loads(answer)["detail"]


async def test_a_default_endpoint_answers_for_those_that_the_body_names(serve) -> None:
    described = ServiceDescription("s", (EndpointDescription(DEFAULT_ENDPOINT),))
    site = await serve(describe=lambda: described)
    for path in ("/post", "/default"):
        assert (await site.post(path, b'{"data": [], "exec_endpoint": "/x"}'))[0] == 200
    assert (await site.post("/post", b'{"data": []}'))[0] == 200
    assert [request.endpoint for request in site.handler.requests] == ["/x", "/x", "/post"]


async def test_post_may_be_an_endpoint_like_any_other(serve) -> None:
    described = ServiceDescription("s", (EndpointDescription("/post"), EndpointDescription("/echo")))
    site = await serve(describe=lambda: described)
    await site.post("/post", b'{"data": [], "exec_endpoint": "/echo"}')
    assert site.handler.requests[0].endpoint == "/post"


async def shout(request: Request, context: Context) -> AsyncGenerator[Response, None]:
    if b"bad" in bytes(request.body[0]):
        raise InvalidDocument("data.0.text: no", details=[{"loc": ["data", 0, "text"], "msg": "no", "type": "t"}])
    yield Response((b'{"data":[{"text": "A"}],"parameters":{"top":1}}',))


async def test_without_an_envelope_the_body_is_the_document_there_and_back(serve) -> None:
    site = await serve(shout, describe=lambda: BARE)
    status, _, body = await site.post("/bare?top=3&k=v", b' {"text": "a"} ')
    assert (status, body) == (200, b'{"text": "A"}')
    (request,) = site.handler.requests
    assert json.loads(bytes(request.body[0])) == {"data": {"text": "a"}}
    assert request.parameters == {"top": 3, "k": "v"}


async def test_its_errors_point_into_the_document(serve) -> None:
    site = await serve(shout, describe=lambda: BARE)
    status, _, body = await site.post("/bare", b'{"text": "bad"}')
    assert (status, json.loads(body)["detail"][0]["loc"]) == (422, ["body", "text"])


@pytest.mark.parametrize("body", [b"", b"{", b'{}, "parameters": {"x": 1}', b"{} {}"])
async def test_nothing_can_be_smuggled_into_the_envelope(serve, body: bytes) -> None:
    site = await serve(shout, describe=lambda: BARE)
    status, _, answer = await site.post("/bare", body)
    assert (status, json.loads(answer)["code"]) == (400, "malformed_request")
    assert not site.handler.requests


async def test_a_stream_without_an_envelope_has_documents_for_events(serve) -> None:
    site = await serve(shout, describe=lambda: BARE)
    _, _, body = await site.post("/stream", b"{}")
    assert body == b'data: {"text": "A"}\n\nevent: end\ndata: {}\n\n'


async def test_columns_need_no_envelope_and_our_channels_keep_theirs(serve) -> None:
    site = await serve(describe=lambda: BARE)
    sent = b"".join(pack_body([b"", b"header"]))
    assert (await site.post("/bare", sent, content_type=COLUMNS))[1]["content-type"] == COLUMNS
    _, _, body = await site.post("/bare", b'{"data": [{"a": 1}]}', thalweg_envelope="true")
    assert json.loads(body) == {"data": [{"a": 1}]}
