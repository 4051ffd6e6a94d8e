"""How the payload and the parameters of a message stand in the body of an HTTP message, in both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from thalweg.errors import MalformedRequest
from thalweg.message import COLUMNS, Buffer
from thalweg.message.envelope import payload_size
from thalweg.message.framing import pack_body, unpack_body
from thalweg.transport.http.headers import PARAMETERS_BYTES, parameters_text, parsed_parameters


class Content(NamedTuple):
    """A body, the header beside it, and the body's size in bytes."""

    parts: list[Buffer]
    parameters: str
    size: int


class _Body(msgspec.Struct):
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, Any] = {}


def pack_content(content_type: str, body: Sequence[Buffer], values: Mapping[str, Any]) -> Content:
    """What to send for a payload `body` of `content_type` and `values` as its header parameters.

    Raises:
        MalformedRequest: the parameters are too long for a header, and the body is not JSON that could take them.
    """
    if content_type == COLUMNS:
        parts = pack_body([msgspec.json.encode(values) if values else b"", *body])
        return Content(parts, "", payload_size(parts))
    text = parameters_text(values) if values else ""
    if len(text) <= PARAMETERS_BYTES:
        return Content(list(body), text, payload_size(body))
    merged = with_parameters(b"".join(body), values)
    return Content([merged], "", len(merged))


def unpack_content(content_type: str, data: Buffer, header: bytes) -> tuple[tuple[Buffer, ...], dict[str, Any]]:
    """The payload and its header parameters, the reverse of `pack_content`.

    Raises:
        MalformedRequest: `data` is not framed as columns are, or the parameters are no JSON object.
    """
    if content_type != COLUMNS:
        return (data,), parsed_parameters(header) if header else {}
    parts = unpack_body(data)
    if not parts:
        raise MalformedRequest("The body holds no buffers; the first is for the parameters.")
    return parts[1:], parsed_parameters(bytes(parts[0]))


def with_parameters(body: bytes, values: Mapping[str, Any]) -> bytes:
    """The JSON `body` with `values` among its parameters, of which those that are there already win.

    Raises:
        MalformedRequest: it is no `{"data": ..., "parameters": ...}`.
    """
    try:
        decoded = msgspec.json.decode(body, type=_Body)
    except msgspec.DecodeError as error:
        raise MalformedRequest(
            f"The parameters are longer than the {PARAMETERS_BYTES} bytes of a header, and the body, which could take "
            f"them, is not JSON of the form {{'data': ..., 'parameters': ...}}: {error}."
        ) from None
    decoded.parameters = {**values, **decoded.parameters}
    return msgspec.json.encode(decoded)
