"""`thalweg.json`: a conversation in letters."""

from __future__ import annotations

from thalweg.errors import Cancelled, MalformedRequest, PayloadTooLarge, ThalwegError, UnsupportedContent
from thalweg.message import JSON, Context, Request, Response
from thalweg.message.status import Failure, to_failure
from thalweg.transport.http.headers import parsed_request_id
from thalweg.transport.inflow import Arrivals
from thalweg.transport.websocket.dialogue import Dialogue
from thalweg.transport.websocket.exchange import MessageExchange
from thalweg.transport.websocket.letters import (
    NO_ID,
    CallerLetter,
    answer_letter,
    end_letter,
    failure_letter,
    read_letter,
)

SUBPROTOCOL = "thalweg.json"


class LetterVoice:
    """Answers of one request as letters."""

    __slots__ = ("_envelope", "_key")

    def __init__(self, key: bytes, envelope: bool) -> None:
        self._key = key
        self._envelope = envelope

    def item(self, response: Response) -> bytes:
        return answer_letter(self._key, response, more=True, envelope=self._envelope)

    def end(self, response: Response | None) -> bytes:
        if response is None:
            return end_letter(self._key)
        return answer_letter(self._key, response, more=False, envelope=self._envelope)

    def failure(self, error: ThalwegError, failure: Failure) -> bytes:
        return failure_letter(self._key, failure)


class JsonDialogue(Dialogue):
    """The server's end of `thalweg.json`."""

    def message(self, data: bytes, text: bool) -> None:
        if not text:
            self.connection.refuse(UnsupportedContent(f"{SUBPROTOCOL} has text messages only."))
            return
        key, request_id = NO_ID, ""
        try:
            letter = read_letter(data)
            key, request_id = letter.key, letter.request_id
            self._take(key, letter)
        except MalformedRequest as error:
            if _is_text(data):
                self._fail(key, error, request_id)
            else:
                self.connection.refuse(MalformedRequest("A text message is not UTF-8."))
        except ThalwegError as error:
            self._fail(key, error, request_id)

    def _take(self, key: bytes, letter: CallerLetter) -> None:
        working = self.works.get(key)
        if letter.cancel:
            if working is not None:
                working.call_off(Cancelled("The caller called it off."))
        elif not letter.path:
            self._go_on(working, letter)
        else:
            self._begin(key, letter)

    def _begin(self, key: bytes, letter: CallerLetter) -> None:
        endpoint = self.endpoint(letter.path)
        envelope = endpoint is None or endpoint.envelope
        size, largest = len(letter.data), self.hall.serving.limits.max_message_bytes
        if size > largest:
            raise PayloadTooLarge(f"The request has {size} bytes; at most {largest} are taken.")
        request = Request(letter.path, letter.body(envelope), JSON, target=letter.target)
        priority = letter.header.priority if letter.header is not None else 0
        context = self.context(letter.request_id, letter.timeout, letter.headers, priority)
        exchange = self.open(key, LetterVoice(key, envelope), request, context)
        if letter.more:
            self._open_inflow(exchange, request, bool(letter.data))
        streaming = letter.more or (endpoint is not None and endpoint.streaming)
        exchange.begin(streaming=streaming)

    # documents that come while answers go out ----------------------------------------------------------------------------

    def _open_inflow(self, exchange: MessageExchange, request: Request, begun: bool) -> None:
        def read(size: int) -> None:
            self.hall.admission.release(size)
            exchange.unread -= 1
            self._hold_back()

        exchange.arrivals = request.inflow = Arrivals(read)
        if not begun:
            request.body = ()

    def _go_on(self, exchange: MessageExchange | None, letter: CallerLetter) -> None:
        """A further message of a request."""
        if exchange is None or exchange.arrivals is None:
            if letter.more or not letter.data:
                raise MalformedRequest(
                    "The message has neither an endpoint nor the id of a request that has more to come."
                )
            raise MalformedRequest("The message names no endpoint.")
        if exchange.arrivals.ended:
            return  # the request has failed meanwhile, or is about to end
        if letter.data:
            self._put(exchange, letter)
        if not letter.more:
            exchange.arrivals.end()

    def _put(self, exchange: MessageExchange, letter: CallerLetter) -> None:
        assert exchange.arrivals is not None
        body = letter.body(envelope=True)
        size = sum(map(len, body))
        try:
            self.hall.admission.admit(size)
        except ThalwegError as error:
            exchange.arrivals.end(error)
            return
        exchange.unread += 1
        exchange.arrivals.put(body, size)
        self._hold_back()

    def _hold_back(self) -> None:
        """Who sends more than is read waits, as there is no other way to say so."""
        most = self.hall.serving.limits.stream_window
        full = any(exchange.unread >= most for exchange in self.works.values())
        self.connection.pause(full or self.connection.full)

    def room(self, there_is: bool) -> None:
        self._hold_back()

    def settled(self, key: bytes, error: ThalwegError | None) -> None:
        super().settled(key, error)
        if self.connection.paused:
            self._hold_back()

    def _fail(self, key: bytes, error: ThalwegError, request_id: str) -> None:
        """Answer a message that did not become a request."""
        self.say(failure_letter(key, to_failure(error, parsed_request_id(request_id.encode()) or Context().request_id)))


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
