"""What the handler raises is what the caller catches."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from thalweg import errors
from thalweg.errors import (
    ClientError,
    ExecutorFailed,
    InternalError,
    InvalidDocument,
    ServerError,
    Status,
    ThalwegError,
    Unavailable,
)
from thalweg.message import Context, Handler, Request, Response
from thalweg.message.description import DRY_RUN_ENDPOINT
from thalweg.testing.conformance.subject import MANY, ONE, Answering, Subject, check, content, echo, only

REQUEST_ID = "feedbeef" * 4
TRACEBACK = 'Traceback (most recent call last):\n  File "encoder.py", line 3, in encode\nValueError: größe'
MESSAGE = "No such field: größe.\nKnown are: a, b ✓"
CLASSES = [
    cls
    for cls in (getattr(errors, name) for name in errors.__all__)
    if isinstance(cls, type) and issubclass(cls, ThalwegError)
]


async def caught(
    channel: Handler, request: Request, context: Context | None = None, items: list[list[bytes]] | None = None
) -> ThalwegError:
    """The error that `request` ends in. What came before it is added to `items`."""
    try:
        async for item in channel.handle(request, context or Context()):
            if items is not None:
                items.append(content(item))
    except ThalwegError as error:
        return error
    raise AssertionError("The request should have failed and did not.")


def fail_with(error: Exception) -> Callable[[Request, Context], AsyncGenerator[Response, None]]:
    """A handler's function that raises `error`."""

    async def fail(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise error
        yield

    return fail


def _filled(cls: type[ThalwegError]) -> ThalwegError:
    error = cls(MESSAGE, executor="encoder")
    error.replica, error.cause, error.traceback = 3, "ValueError", TRACEBACK
    error.details = [{"loc": ["data", 0, "text"], "msg": "Field required", "type": "missing"}]
    error.retry_after = 2.5
    return error


@check()
async def every_error_arrives_as_itself(subject: Subject) -> None:
    async def fail(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise _filled(CLASSES[request.parameters["number"]])
        yield

    async with subject.serve(Answering(fail)) as (_, channel):
        for endpoint in (ONE, MANY):
            for number, cls in enumerate(CLASSES):
                request = Request(endpoint, (b"{}",), parameters={"number": number})
                error = await caught(channel, request, Context(request_id=REQUEST_ID))
                assert type(error) is cls
                assert (error.message, error.executor, error.retry_after) == (MESSAGE, "encoder", 2.5)
                assert error.details == _filled(cls).details
                assert error.request_id == REQUEST_ID
                assert (error.replica, error.cause, error.traceback) == (3, "ValueError", TRACEBACK)


class PaymentRequired(ClientError):
    """What user code may raise, and no client knows."""

    code = "payment_required"
    http = 402


class Gone(ServerError):
    code = "gone"
    status = Status.UNAVAILABLE


@check()
async def an_error_of_a_class_that_nobody_knows_arrives_as_the_nearest_one(subject: Subject) -> None:
    async def fail(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        raise PaymentRequired(MESSAGE) if request.parameters["pay"] else Gone(MESSAGE, retry_after=3)
        yield

    async with subject.serve(Answering(fail)) as (_, channel):
        for endpoint in (ONE, MANY):
            error = await caught(channel, Request(endpoint, (b"{}",), parameters={"pay": True}))
            assert isinstance(error, ClientError)
            assert (error.code, error.status, error.http) == ("payment_required", Status.INVALID, 402)
            assert error.message == MESSAGE
            error = await caught(channel, Request(endpoint, (b"{}",), parameters={"pay": False}))
            assert isinstance(error, (Unavailable, Gone))
            assert (error.code, error.status, error.retry_after) == ("gone", Status.UNAVAILABLE, 3)


@check()
async def a_dry_run_reaches_the_handler_and_says_who_does_not_answer(subject: Subject) -> None:
    well = True

    async def run(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        assert request.endpoint == DRY_RUN_ENDPOINT
        if not well:
            raise Unavailable(MESSAGE, executor="encoder")
        yield Response((b'{"data":[]}',))

    async with subject.serve(Answering(run)) as (_, channel):
        await only(channel, Request(DRY_RUN_ENDPOINT, (b'{"data":[]}',)))
        well = False
        error = await caught(channel, Request(DRY_RUN_ENDPOINT, (b'{"data":[]}',)))
        assert (type(error), error.message, error.executor) == (Unavailable, MESSAGE, "encoder")


@check()
async def an_error_has_a_request_id_where_the_caller_gave_none(subject: Subject) -> None:
    async with subject.serve(Answering(fail_with(ExecutorFailed("broken")))) as (_, channel):
        for endpoint in (ONE, MANY):
            assert (await caught(channel, Request(endpoint, (b"{}",)))).request_id


@check()
async def an_error_keeps_the_request_id_it_was_raised_with(subject: Subject) -> None:
    async with subject.serve(Answering(fail_with(ExecutorFailed("broken", request_id="another")))) as (_, channel):
        assert (await caught(channel, Request(ONE, (b"{}",)))).request_id == "another"


@check()
async def a_strangers_exception_does_not_show_its_text(subject: Subject) -> None:
    async with subject.serve(Answering(fail_with(KeyError("the password is swordfish")))) as (_, channel):
        for endpoint in (ONE, MANY):
            error = await caught(channel, Request(endpoint, (b"{}",)), Context(request_id=REQUEST_ID))
            assert type(error) is InternalError
            assert "swordfish" not in f"{error} {error.message} {error.details}"
            assert error.request_id == REQUEST_ID


@check()
async def an_error_comes_after_the_items_before_it(subject: Subject) -> None:
    async def fail_late(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        for number in range(5):
            yield Response((b"%d" % number,))
        raise InvalidDocument(MESSAGE, details=[{"loc": [5], "msg": "bad", "type": "x"}])

    got: list[list[bytes]] = []
    async with subject.serve(Answering(fail_late)) as (_, channel):
        error = await caught(channel, Request(MANY, (b"{}",)), items=got)
    assert got == [[b"%d" % number] for number in range(5)]
    assert type(error) is InvalidDocument
    assert (error.message, error.details) == (MESSAGE, [{"loc": [5], "msg": "bad", "type": "x"}])


@check()
async def an_error_leaves_the_channel_usable(subject: Subject) -> None:
    async def fail_once(request: Request, context: Context) -> AsyncGenerator[Response, None]:
        if request.parameters.get("fail"):
            raise ExecutorFailed("broken")
        async for answer in echo(request, context):
            yield answer

    async with subject.serve(Answering(fail_once)) as (_, channel):
        for _ in range(20):
            await caught(channel, Request(ONE, (b"{}",), parameters={"fail": True}))
            assert content(await only(channel, Request(ONE, (b"[]",)))) == [b"[]"]
