"""The names of the forms that documents take as bytes."""

from __future__ import annotations

from thalweg.docs.query.suggestion import did_you_mean

DOCUMENT = ("protobuf", "json", "columns", "pickle")
"""Of one document."""
WHOLE = ("protobuf-array", "json-array", "columns", "pickle-array")
"""Of several documents, all in one."""
STREAMED = ("protobuf", "json", "pickle")
"""Of several documents, one after the other."""
ARRAY = (*WHOLE, *STREAMED)


def check_protocol(protocol: str, known: tuple[str, ...]) -> None:
    """Raise ValueError, with the nearest name that there is, unless `protocol` is one of `known`."""
    if protocol not in known:
        raise ValueError(f"There is no protocol {protocol!r}{did_you_mean(protocol, known)}")


def check_pickle(protocol: str, allow_pickle: bool) -> None:
    """Raise ValueError where reading would run code and the caller has not said that it may."""
    if protocol.startswith("pickle") and not allow_pickle:
        raise ValueError(
            f"Reading {protocol!r} runs whatever code the data holds. Pass allow_pickle=True for data that nobody else "
            "could have written; otherwise have it written with another protocol, such as 'protobuf' or 'columns'."
        )
