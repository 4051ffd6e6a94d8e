"""What Jina's callers say inside of a JSON body: to whom it goes, and what it is called.

    {"data": [...], "parameters": {...}, "exec_endpoint": "/x", "target_executor": "enc",
     "header": {"request_id": "4f...", "exec_endpoint": "/x", "target_executor": "enc"}}

All of it may be absent, and each name may be written in camel case. Who sends a `header` finds one in the answer.
"""

from __future__ import annotations

from typing import Any

import msgspec

from thalweg.errors import InvalidDocument
from thalweg.message import Buffer

POST = "/post"
"""Answers for every endpoint: the body says which."""

_ENDPOINTS = (b'xec_endpoint"', b'xecEndpoint"')


class Address(msgspec.Struct, frozen=True):
    """What a body says beside documents and parameters; empty where it says nothing."""

    request_id: str = ""
    endpoint: str = ""
    target: str = ""
    header: bool = False
    """Whether the answer is to have a header too."""


NOWHERE = Address()


def may_address(body: bytes | bytearray) -> bool:
    """Whether something in `body` looks as if it said to whom it goes."""
    # All of them end alike; one short search spares most bodies three.
    if b'r"' not in body:
        return False
    return b'"header"' in body or b'arget_executor"' in body or b'argetExecutor"' in body


def address(body: Buffer, *, anywhere: bool = False) -> Address:
    """What the JSON `body` says. Only where something in it looks as if it did say anything is it read; with `anywhere`,
    for an endpoint too.

    Raises:
        InvalidDocument: something that it says is no text.
    """
    text = bytes(body) if isinstance(body, memoryview) else body
    if not may_address(text) and not (anywhere and any(sign in text for sign in _ENDPOINTS)):
        return NOWHERE
    try:
        found = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NOWHERE  # whoever reads the documents says what is wrong
    outer = _taken(found, [])
    raw = found.get("header")
    if raw is None or bytes(raw) == b"null":
        said = Address("", outer["exec_endpoint"], outer["target_executor"])
        return said if said != NOWHERE else NOWHERE
    try:
        inner = _taken(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]), ["header"])
    except msgspec.DecodeError:
        raise _unfit(["header"], "an object") from None
    return Address(
        inner["request_id"],
        outer["exec_endpoint"] or inner["exec_endpoint"],
        outer["target_executor"] or inner["target_executor"],
        True,
    )


class _Answer(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"[]")
    parameters: msgspec.Raw = msgspec.Raw(b"{}")


def addressed_answer(body: Buffer, where: Address, request_id: str) -> bytes:
    """The JSON answer `body` in the form that it has for who said `where`. It may be the request as it came, if it was meant
    for others, and then it is put into the shape of an answer too."""
    found = msgspec.json.decode(bytes(body), type=_Answer)
    data = bytes(found.data).strip()
    listed = data if data.startswith(b"[") else b"[" + data.removeprefix(b"null") + b"]"
    header = {"header": {"request_id": request_id, "target_executor": where.target}} if where.header else {}
    head = msgspec.json.encode(header)[:-1] + (b"," if header else b"")
    return head + b'"data":' + listed + b',"parameters":' + bytes(found.parameters) + b"}"


def _taken(found: dict[str, msgspec.Raw], place: list[str]) -> dict[str, str]:
    taken = {}
    for name in ("request_id", "exec_endpoint", "target_executor"):
        first, second = name.split("_")
        camel = first + second.title()
        written = name if name in found else camel
        raw = found.get(written) if place or name != "request_id" else None
        try:
            taken[name] = (msgspec.json.decode(raw, type=str | None) or "") if raw is not None else ""
        except msgspec.DecodeError:
            raise _unfit([*place, written], "a string") from None
    return taken


def _unfit(place: list[str], wanted: str) -> InvalidDocument:
    finding: dict[str, Any] = {"loc": place, "msg": f"Input should be {wanted}", "type": "header_type"}
    return InvalidDocument(f"{'.'.join(place)}: {finding['msg']}", details=[finding])
