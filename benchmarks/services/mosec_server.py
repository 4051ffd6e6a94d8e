"""Mosec: its Rust server in front of one worker process a stage, JSON validated by msgspec."""

import sys
from typing import Any
from uuid import uuid4

import msgspec
from arguments import Arguments, arguments
from mosec import Server, Worker
from mosec.errors import ValidationError


class Text(msgspec.Struct):
    text: str
    id: str = msgspec.field(default_factory=lambda: uuid4().hex)


class TypedWorker(Worker):
    """Reads and writes JSON of one type, as the package's own typed worker does for MessagePack."""

    def __init__(self) -> None:
        super().__init__()
        self._decoder = msgspec.json.Decoder(Text)
        self._encoder = msgspec.json.Encoder()

    def deserialize(self, data: bytes) -> Text:
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError as error:
            raise ValidationError(str(error)) from error

    def serialize(self, data: Text) -> bytes:
        return self._encoder.encode(data)


class Capitals(TypedWorker):
    def forward(self, data: Any) -> Any:
        if isinstance(data, list):
            return [Text(id=one.id, text=one.text.upper()) for one in data]
        return Text(id=data.id, text=data.text.upper())


class Exclamation(TypedWorker):
    def forward(self, data: Any) -> Any:
        if isinstance(data, list):
            return [Text(id=one.id, text=one.text + "!") for one in data]
        return Text(id=data.id, text=data.text + "!")


def serve(given: Arguments) -> None:
    # Mosec reads its own options from the command line.
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", str(given.port), "--log-level", "warning"]
    server = Server()
    stages = (Capitals, Exclamation) if given.topology == "two" else (Capitals,)
    for stage in stages:
        server.append_worker(stage, num=1, max_batch_size=given.batch, max_wait_time=1, route="/encode")
    server.run()


if __name__ == "__main__":
    serve(arguments())
