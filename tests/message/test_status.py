"""Errors as they travel."""

from __future__ import annotations

import msgspec
import pytest

from thalweg import errors
from thalweg.errors import ClientError, InternalError, Status, ThalwegError
from thalweg.message.status import CODES, Failure, clipped, from_failure, http_status, to_failure


class Odd(ClientError):
    code = "näme\r\nSet-Cookie: a=b"
    http = 200


class NotHere(ClientError):
    code = "not_here"
    status = Status.NOT_FOUND


def test_every_status_has_codes() -> None:
    assert set(CODES) == set(Status)


def test_a_class_of_user_code_keeps_its_code_and_status() -> None:
    error = from_failure(to_failure(NotHere("gone")))
    assert type(error) is ClientError
    assert (error.code, error.status, http_status(error), error.message) == ("not_here", Status.NOT_FOUND, 404, "gone")
    assert ClientError.code == "client_error"


def test_a_code_that_could_stand_in_no_header_does_not_travel() -> None:
    failure = to_failure(Odd("x"))
    assert (failure.code, failure.http) == ("client_error", None)
    assert http_status(Odd("x")) == 422


def test_an_error_of_a_newer_version_stays_readable() -> None:
    error = from_failure(Failure("quota_of_tomorrow", "Come back tomorrow.", status="paradise", retry_after=3))
    assert type(error) is InternalError
    assert (error.message, error.retry_after) == ("Come back tomorrow.", 3)
    error = from_failure(Failure("quota_of_tomorrow", "Come back tomorrow.", status="overloaded"))
    assert type(error) is errors.Overloaded
    assert error.code == "quota_of_tomorrow"


def test_what_an_older_version_sends_is_read() -> None:
    old = msgspec.msgpack.encode(["executor_failed", "broken", [], None, "enc", "abc"])
    error = from_failure(msgspec.msgpack.decode(old, type=Failure))
    assert (type(error).__name__, error.executor, error.replica) == ("ExecutorFailed", "enc", None)


def test_a_strangers_exception_keeps_its_text_to_itself() -> None:
    assert "swordfish" not in str(to_failure(KeyError("swordfish")))


def test_texts_are_clipped_at_the_end_that_says_less() -> None:
    failure = clipped(Failure("code", "message", traceback="frames"), 3)
    assert (failure.message, failure.traceback) == ("mes", "mes")


def test_every_public_error_can_be_imported_made_and_caught() -> None:
    for name in errors.__all__:
        cls = getattr(errors, name)
        if cls is not Status:
            with pytest.raises(Exception, match="why") as caught:
                raise cls("why")
            assert isinstance(caught.value, ThalwegError)
