"""The one piece of work that every contestant does, and how its answer is checked. Standard library alone."""

from __future__ import annotations

import json
from typing import Any

DOCUMENT = {
    "id": "5f0c7a52b1d94e6f8a3be2c4d6f80912",
    "text": "The line along a river bed where the water runs fastest is called the thalweg.",
}


class WrongAnswer(Exception):
    """A contestant answered, but not with what the work asks for."""


def expected_text(text: str, topology: str) -> str:
    """What becomes of `text`: capitals in the first stage, an exclamation mark in the second."""
    return text.upper() + ("!" if topology == "two" else "")


def request_body(enveloped: bool) -> bytes:
    """The document as the contestant takes it: in a `data` list, or bare."""
    return json.dumps({"data": [DOCUMENT]} if enveloped else DOCUMENT).encode()


def check_answer(answer: bytes, topology: str, enveloped: bool) -> None:
    """Hold `answer` against the work.

    Raises:
        WrongAnswer: it is not JSON, of another shape, or holds another `id` or `text`.
    """
    wanted = {"id": DOCUMENT["id"], "text": expected_text(DOCUMENT["text"], topology)}
    try:
        document: Any = json.loads(answer)
        if enveloped:
            (document,) = document["data"]
        got = {name: document[name] for name in wanted}
    except (ValueError, KeyError, TypeError) as error:
        raise WrongAnswer(f"the answer has another shape ({error!r}): {answer[:300]!r}") from error
    if got != wanted:
        raise WrongAnswer(f"answered {got}, not {wanted}")
