import json

import pytest

from benchmarks.work import DOCUMENT, WrongAnswer, check_answer, expected_text, request_body


def answer(text, enveloped=False, **changes):
    document = DOCUMENT | {"text": text} | changes
    return json.dumps({"data": [document], "parameters": {}} if enveloped else document).encode()


@pytest.mark.parametrize("enveloped", [False, True])
@pytest.mark.parametrize("topology", ["one", "two", "alone"])
def test_the_right_answer_passes(topology, enveloped):
    check_answer(answer(expected_text(DOCUMENT["text"], topology), enveloped), topology, enveloped)


def test_the_second_stage_has_to_have_done_its_work():
    with pytest.raises(WrongAnswer, match="answered"):
        check_answer(answer(DOCUMENT["text"].upper()), "two", False)


def test_another_id_is_wrong():
    with pytest.raises(WrongAnswer, match="answered"):
        check_answer(answer(DOCUMENT["text"].upper(), id="other"), "one", False)


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"data": []}', b'{"data": [1]}', b'{"data": null}'])
def test_another_shape_is_wrong(body):
    with pytest.raises(WrongAnswer, match="shape"):
        check_answer(body, "one", True)


def test_a_bare_request_is_the_document_itself():
    assert json.loads(request_body(False)) == DOCUMENT
    assert json.loads(request_body(True)) == {"data": [DOCUMENT]}
