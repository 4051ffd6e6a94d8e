import pytest

from thalweg.docs import BaseDoc, DocList
from thalweg.docs.codecs import protobuf
from thalweg.docs.codecs.content import decode_content, encode_content
from thalweg.errors import ExecutorFailed, InvalidDocument, MalformedRequest, UnsupportedContent
from thalweg.message import COLUMNS, DOCARRAY, Request, Response, Visit
from thalweg.message.proto.description import message_class
from thalweg.message.proto.jina import DataRequest, StatusCode
from thalweg.transport.forms import in_form
from thalweg.transport.jina.exchange import (
    DataCall,
    read_answer,
    read_data_request,
    write_answer,
    write_data_request,
    write_failure,
)


class Text(BaseDoc):
    text: str


DOCS = DocList[Text]([Text(id="a", text="one"), Text(id="b", text="two")])
BYTES = protobuf.encode_list(DOCS)
CALL = DataCall(Request("/encode", (BYTES,), DOCARRAY, DOCARRAY, {"top": 3}, "enc.*"), "7" * 32)


def described(data: bytes) -> DataRequest:
    """The message as others read it, documents included."""
    return message_class("jina.DataRequestProto").FromString(data)


def test_a_request_is_read_as_it_was_written() -> None:
    assert read_data_request(write_data_request(CALL.request, CALL.request_id)) == CALL


def test_documents_of_a_request_are_the_bytes_that_came() -> None:
    message = message_class("jina.DataRequestProto")()
    message.header.exec_endpoint = "/encode"
    message.data.docs.MergeFromString(BYTES)
    message.parameters.update({"top": 3, "share": 0.5, "deep": {"on": True, "none": None}})
    request, _ = read_data_request(message.SerializeToString())
    assert bytes(request.body[0]) == message.data.docs.SerializeToString()
    assert request.content_type == request.accept == DOCARRAY
    assert request.parameters == {"top": 3, "share": 0.5, "deep": {"on": True, "none": None}}
    assert isinstance(request.parameters["top"], int)


def test_a_request_in_columns_is_sent_as_messages() -> None:
    body, _ = encode_content(COLUMNS, DOCS, {})
    request, _ = read_data_request(write_data_request(Request("/encode", body, COLUMNS), ""))
    assert decode_content(DOCARRAY, request.body, Text)[0] == DOCS


def test_a_request_without_documents_has_none() -> None:
    request, _ = read_data_request(b"")
    assert decode_content(DOCARRAY, request.body, Text)[0] == []


def test_documents_of_older_releases_are_refused() -> None:
    message = DataRequest()
    message.data.docs_bytes = b"\x80\x04pickled"
    with pytest.raises(UnsupportedContent, match=r"0\.30"):
        read_data_request(message.SerializeToString())


def test_garbage_is_no_request() -> None:
    with pytest.raises(MalformedRequest, match="DataRequestProto"):
        read_data_request(b"\xff\xff\xff")


def test_an_answer_repeats_the_header_and_names_who_worked() -> None:
    answer = described(
        write_answer(
            CALL, [Response((BYTES,), DOCARRAY, {"top": 3})], [Visit("gateway", 1.5, 2.25), Visit("enc", 1.75, 2)]
        )
    )
    assert answer.header.request_id == CALL.request_id
    assert answer.header.exec_endpoint == "/encode"
    assert answer.header.target_executor == "enc.*"
    assert answer.header.status.code == StatusCode.SUCCESS
    assert [
        (route.executor, route.start_time.ToMilliseconds(), route.end_time.ToMilliseconds()) for route in answer.routes
    ] == [
        ("gateway", 1500, 2250),
        ("enc", 1750, 2000),
    ]
    assert (
        answer.data.docs.SerializeToString()
        == message_class("docarray.DocListProto").FromString(BYTES).SerializeToString()
    )
    assert dict(answer.parameters) == {"top": 3}


def test_a_stream_of_answers_is_one_list() -> None:
    answer = described(write_answer(CALL, [Response((BYTES,), DOCARRAY), Response((BYTES,), DOCARRAY)]))
    assert [doc.data["text"].text for doc in answer.data.docs.docs] == ["one", "two", "one", "two"]


def test_an_error_is_a_status_and_brings_no_documents() -> None:
    error = ExecutorFailed(
        "enc failed at /encode: ValueError: boom", executor="enc", cause="ValueError", traceback="line 1\nline 2\n"
    )
    answer = described(write_failure(CALL, error))
    status = answer.header.status
    assert status.code == StatusCode.ERROR
    assert status.description == "enc failed at /encode: ValueError: boom"
    assert status.exception.name == "ValueError"
    assert list(status.exception.args) == ["boom"]
    assert list(status.exception.stacks) == ["line 1\n", "line 2\n"]
    assert status.exception.executor == "enc"
    assert answer.header.request_id == CALL.request_id
    assert not answer.HasField("data")


def test_findings_of_an_error_are_among_its_arguments() -> None:
    error = InvalidDocument("data[0].text is missing", details=[{"loc": ["data", 0, "text"], "type": "missing"}])
    exception = described(write_failure(CALL, error)).header.status.exception
    assert exception.name == "InvalidDocument"
    assert list(exception.args) == ["data[0].text is missing", '{"loc":["data",0,"text"],"type":"missing"}']


def test_an_error_is_read_as_the_error_of_an_executor() -> None:
    answer = write_failure(CALL, ExecutorFailed("boom", executor="enc", cause="ValueError", traceback="there\n"))
    _, error = read_answer(answer, "grpc://there:1")
    assert isinstance(error, ExecutorFailed)
    assert (error.executor, error.cause, error.traceback) == ("enc", "ValueError", "there\n")
    assert error.request_id == CALL.request_id
    assert "boom" in str(error)


def test_an_answer_is_read_as_it_was_written() -> None:
    response, error = read_answer(write_answer(CALL, [Response((BYTES,), DOCARRAY, {"top": 3})]), "there")
    assert error is None
    assert response == Response((BYTES,), DOCARRAY, {"top": 3})
    assert decode_content(COLUMNS, in_form(response, COLUMNS).body, Text)[0] == DOCS


@pytest.mark.parametrize("value", [2**53 + 1, -(2**60), b"bytes", {1: "one"}, object()])
def test_parameters_that_would_arrive_changed_are_refused(value: object) -> None:
    with pytest.raises(UnsupportedContent, match="big"):
        write_data_request(Request("/", parameters={"big": [value]}), "")


def test_the_largest_integers_that_a_float_holds_arrive_whole() -> None:
    request, _ = read_data_request(write_data_request(Request("/", parameters={"n": 2**53, "t": (1, -(2**53))}), ""))
    assert request.parameters == {"n": 2**53, "t": [1, -(2**53)]}
