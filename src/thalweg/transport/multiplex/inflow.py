"""The inflow of one request, as the server's session sees it."""

from __future__ import annotations

from thalweg.errors import MalformedRequest, ThalwegError
from thalweg.transport.admission import Admission
from thalweg.transport.inflow import Arrivals
from thalweg.transport.multiplex.frames import Assembly, announced, credit_frame, read_response
from thalweg.transport.multiplex.wire import Wire


class Receiving:
    """Gives credit, and counts what came against it. Each payload that came and was not read counts as a request of the
    server's, in number and in bytes, so that streams cannot take in more than the server's limits allow."""

    __slots__ = (
        "_admission",
        "_assembly",
        "_assembly_bytes",
        "_limit",
        "_read",
        "_room",
        "_stream",
        "_window",
        "_wire",
        "arrivals",
    )

    def __init__(self, wire: Wire, stream: int, admission: Admission, window: int, limit: int) -> None:
        self.arrivals = Arrivals(self._on_read)
        self._wire = wire
        self._stream = stream
        self._admission = admission
        self._window = self._room = max(2, window)
        self._limit = limit
        self._read = 0
        self._assembly: Assembly | None = None
        self._assembly_bytes = 0
        wire.write([credit_frame(stream, self._window)])

    def take(self, message: bytes) -> None:
        """A payload in one frame."""
        self._spend()
        if self._let_in(len(message)):
            self._put(message, len(message))

    def begin(self, announcement: bytes, allowance: int) -> None:
        """A payload that follows in chunks."""
        self._spend()
        size = min(announced(announcement), self._limit)
        try:
            assembly = Assembly(announcement, self._limit + allowance)
        except ThalwegError as error:
            self.arrivals.end(error)
            return
        if self._let_in(size):
            self._assembly, self._assembly_bytes = assembly, size

    def add(self, chunk: bytes) -> None:
        assembly = self._assembly
        if assembly is not None and assembly.add(chunk):
            self._assembly = None
            self._put(assembly.message, self._assembly_bytes)

    def finish(self) -> None:
        """The peer has said all."""
        unfinished = self._assembly is not None
        self.arrivals.end(MalformedRequest("The last payload of the stream is not complete.") if unfinished else None)

    def close(self) -> None:
        """Nobody reads any more."""
        for size in self.arrivals.drop():
            self._admission.release(size)
        if self._assembly is not None:
            self._assembly = None
            self._admission.release(self._assembly_bytes)

    def _spend(self) -> None:
        if self._room <= 0 or self._assembly is not None:
            raise MalformedRequest(f"Stream {self._stream} sends more than it was given credit for.")
        self._room -= 1

    def _put(self, message: bytes | bytearray, size: int) -> None:
        try:
            self.arrivals.put(read_response(message).body, size)
        except ThalwegError as error:
            self._admission.release(size)
            self.arrivals.end(error)

    def _let_in(self, size: int) -> bool:
        if self.arrivals.ended:
            return False
        try:
            self._admission.admit(size)
        except ThalwegError as error:
            self.arrivals.end(error)
            return False
        return True

    def _on_read(self, size: int) -> None:
        self._admission.release(size)
        self._read += 1
        if self._read * 2 >= self._window:
            self._wire.write([credit_frame(self._stream, self._read)])
            self._room += self._read
            self._read = 0
